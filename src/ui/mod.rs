//! What is seen: widgets only. They show live objects of the engine by their notifies, and change things only
//! through `control`. A widget never holds a pipeline.

mod add_dialog;
mod address_dialog;
mod alert;
mod aloud;
mod device_row;
mod direction;
mod error_text;
mod given_address;
mod late_menu;
mod password_row;
mod picture_file;
mod pipeline_check;
mod preferences;
mod preview;
mod preview_frame;
mod problem_row;
mod readers_question;
mod send_away;
mod sound_meter;
mod stream_card;
mod stream_page;
mod stream_view;
mod toasts;
mod video_files;
mod viewers_page;
mod window;

pub use error_text::open_error;
pub use window::Window;

/// Makes templates, style and icons known. Call once, before the first widget.
pub fn register_resources() {
    gio::resources_register_include!("headwater.gresource")
        .expect("the resources are built into the program");
}
