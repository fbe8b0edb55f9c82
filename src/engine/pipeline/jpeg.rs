//! What RTP cannot carry of a JPEG picture: it has no place for Huffman tables, and readers take those of the standard
//! (RFC 2435, 4.1).

/// How many codes of each length the tables of the standard have (ITU-T T.81, K.3.3): no other table has them all.
const STANDARD: [[u8; 16]; 4] = [
    [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
    [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
    [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125],
    [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119],
];

/// Markers (ITU-T T.81, table B.1).
const HUFFMAN_TABLES: u8 = 0xC4;
const START_OF_SCAN: u8 = 0xDA;
const START_OF_IMAGE: u8 = 0xD8;

/// Whether a picture is decoded with the tables of the standard; one that names none is.
pub fn has_standard_tables(picture: &[u8]) -> bool {
    let mut rest = picture;
    loop {
        rest = match rest {
            [0xFF, START_OF_IMAGE, rest @ ..] => rest,
            [0xFF, START_OF_SCAN, ..] => return true,
            // Fill bytes.
            [0xFF, 0xFF, ..] => &rest[1..],
            [0xFF, marker, high, low, rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low])).saturating_sub(2);
                let Some((segment, rest)) = rest.split_at_checked(length) else { return false };
                if *marker == HUFFMAN_TABLES && !are_standard(segment) {
                    return false;
                }
                rest
            }
            _ => return false,
        }
    }
}

/// Each has its class and place in one byte, its counts, and as many values.
fn are_standard(mut tables: &[u8]) -> bool {
    while let Some((counts, rest)) = tables.get(1..).and_then(|table| table.split_first_chunk::<16>()) {
        if !STANDARD.contains(counts) {
            return false;
        }
        let values = counts.iter().map(|count| usize::from(*count)).sum();
        tables = rest.get(values..).unwrap_or_default();
    }
    tables.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gst::prelude::*;

    #[test]
    fn tables_of_the_standard_are_told_from_others() {
        gst::init().unwrap();
        let pipeline =
            gst::parse::launch("videotestsrc num-buffers=1 ! jpegenc ! appsink name=sink").unwrap();
        let sink = pipeline.downcast_ref::<gst::Bin>().unwrap().by_name("sink").unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let sample = sink.downcast_ref::<gst_app::AppSink>().unwrap().pull_sample().unwrap();
        pipeline.set_state(gst::State::Null).unwrap();
        let mut picture = sample.buffer().unwrap().map_readable().unwrap().to_vec();
        assert!(has_standard_tables(&picture));
        let place = picture.windows(2).position(|marker| marker == [0xFF, HUFFMAN_TABLES]).unwrap();
        // One code less of two bits, one more of three.
        picture[place + 6] -= 1;
        picture[place + 7] += 1;
        assert!(!has_standard_tables(&picture));
        assert!(!has_standard_tables(&picture[..place + 10]), "cut");
    }
}
