//! What a file is, as far as its name tells. What is really in it is known only once it is opened.

use std::path::Path;

/// What a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    Video,
    Picture,
    /// Something else, or nothing that could be told: folders have such names.
    Unknown,
}

impl Media {
    pub fn of(path: &Path) -> Self {
        match mime_guess::from_path(path).first_raw() {
            Some(kind) if kind.starts_with("video/") => Self::Video,
            Some(kind) if kind.starts_with("image/") => Self::Picture,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_videos_and_pictures_apart() {
        let of = |name: &str| Media::of(Path::new(name));
        for name in ["a.mp4", "a.MKV", "/b/a.webm", "a.mov", "a.avi", "a.m2ts", "a.ts", "a.ogv"] {
            assert_eq!(of(name), Media::Video, "{name}");
        }
        for name in ["a.png", "a.JPG", "a.jpeg", "/b/a.webp", "a.gif", "a.bmp", "a.tiff"] {
            assert_eq!(of(name), Media::Picture, "{name}");
        }
        for name in ["/videos", "/photos/2024.05 Lake", "a.mp3", "a.txt", "a.mp4.part", ".png", "a."] {
            assert_eq!(of(name), Media::Unknown, "{name}");
        }
    }
}
