//! What is said of a configuration that cannot be served, on the field it belongs to.

use crate::config::{Problem, ProblemKind};
use crate::i18n::{gettext, gettext_f};

/// What is wrong and what to do, in one sentence or two.
pub fn problem(problem: &Problem) -> String {
    use ProblemKind as Kind;
    match &problem.what {
        Kind::UserNameEmpty => gettext("Give the user a name."),
        Kind::UserNameCharacter { character: ':' } => gettext("The name of a user cannot have a colon."),
        Kind::UserNameCharacter { .. } => gettext("A name cannot have control characters."),
        Kind::UserNameTaken { name } => {
            gettext_f("There is a user “{name}” already. Choose another name.", &[("name", name)])
        }
        Kind::NameEmpty => gettext("Give the stream a name."),
        Kind::NameCharacter { .. } => gettext("A name cannot have control characters."),
        Kind::PathWithoutSlash => gettext("A path starts with a slash, like “/lobby”."),
        Kind::PathEmpty => gettext("Write a word after the slash, like “/lobby”."),
        Kind::PathCharacter { character: ' ' } => gettext("A path cannot have spaces. Use “-” instead."),
        Kind::PathCharacter { character } => gettext_f(
            // Translators: {character} is one character.
            "A path cannot have “{character}”. Use a to z, digits, and . _ ~ - /",
            &[("character", &character.to_string())],
        ),
        Kind::PathSegment => {
            gettext("A path cannot end with a slash, nor have two in a row, nor a part of dots only.")
        }
        Kind::PathTooLong { most } => {
            gettext_f("Use {most} characters at most.", &[("most", &most.to_string())])
        }
        Kind::PathTaken { stream } => gettext_f(
            // Translators: {stream} is the name of another stream.
            "“{stream}” has this path already. Choose another.",
            &[("stream", stream)],
        ),
        Kind::LocationsEmpty => gettext("Choose a file or a folder."),
        Kind::AddressEmpty | Kind::AddressWithoutScheme | Kind::AddressInvalid { .. } => {
            gettext("Write a whole address, like “rtsp://192.0.2.20/stream”.")
        }
        Kind::AddressCharacter { .. } => gettext("An address cannot have spaces."),
        Kind::SchemeUnknown { scheme, meant: Some(meant) } => gettext_f(
            // Translators: both are the first word of an address, such as “rtsp”.
            "Addresses cannot begin with “{scheme}”. Is “{meant}” meant?",
            &[("scheme", scheme), ("meant", meant)],
        ),
        Kind::SchemeUnknown { .. } => {
            gettext("Use an address that begins with rtsp, rtsps, http, https, rtmp, rtmps, srt, udp or rtp.")
        }
        Kind::AddressWithoutHost => {
            gettext("Write the name or number of the other device after the slashes.")
        }
        Kind::AddressWithoutPort => gettext("Write the port after the address, like “udp://239.0.0.1:5000”."),
        Kind::AddressWithLogin => gettext("Write the user and the password in their own fields."),
        Kind::CameraEmpty => gettext("Choose a camera."),
        Kind::MicrophoneEmpty => gettext("Choose a microphone."),
        Kind::PipelineEmpty => gettext("Write a pipeline, like “videotestsrc is-live=true”."),
        Kind::AddressOfItself => gettext("This is the stream itself, or one that shows it."),
        Kind::SizeOutOfRange { least, most, .. } => gettext_f(
            "Each side can have {least} to {most} pixels.",
            &[("least", &least.to_string()), ("most", &most.to_string())],
        ),
        Kind::SizeTooLargeForMjpeg { most } => gettext_f(
            "MJPEG is served up to {most} pixels a side. Choose a smaller size, or H.264.",
            &[("most", &most.to_string())],
        ),
        Kind::FrameRateOutOfRange { .. } => gettext("Choose a frame rate from 1/10 to 240."),
        Kind::BitrateOutOfRange { least, most, .. } => gettext_f(
            "Choose a bitrate from {least} to {most} kbit/s.",
            &[("least", &least.to_string()), ("most", &most.to_string())],
        ),
        Kind::VolumeOutOfRange { least, most, .. } => gettext_f(
            "Choose a volume from {least} to {most} per cent.",
            &[("least", &least.to_string()), ("most", &most.to_string())],
        ),
        Kind::PublishersEmpty => gettext("At least one user has to be able to send."),
        Kind::PictureSecondsOutOfRange { least, most, .. } => gettext_f(
            "Show each picture for {least} to {most} seconds.",
            &[("least", &least.to_string()), ("most", &most.to_string())],
        ),
        Kind::ReadersEmpty => gettext("At least one user has to be able to watch."),
        Kind::LimitOutOfRange { least, most, .. } => gettext_f(
            "Write a number from {least} to {most}.",
            &[("least", &least.to_string()), ("most", &most.to_string())],
        ),
        Kind::TextEmpty => gettext("Write a text, or remove it."),
        Kind::TextTooLong { most } => {
            gettext_f("Use {most} characters at most.", &[("most", &most.to_string())])
        }
        Kind::TextCharacter { .. } => gettext("A text cannot have control characters."),
        Kind::PortsEmpty => {
            gettext("Write two ports with a dash, the first of them even, like “50000-50099”.")
        }
        Kind::PortTwice { port } => gettext_f(
            "Port {port} is the one without encryption. Choose another.",
            &[("port", &port.to_string())],
        ),
        Kind::CertificateWithoutKey => gettext("Choose both files: the certificate, and its key."),
        Kind::InterfaceName => gettext("Write the name of a network interface, like “eth0”."),
        Kind::GroupsNotMulticast => gettext("Use addresses from 224.0.1.0 to 239.255.255.255."),
        Kind::GroupsReversed => gettext("The last address comes before the first. Exchange them."),
        Kind::PortOdd { .. } => gettext("Choose an even port; the next one is taken as well."),
        Kind::TransportsEmpty => gettext("At least one way to watch has to stay."),
        Kind::RtspsOff => gettext("Turn on encrypted connections in Preferences first."),
        // The rest cannot be typed in the window; it is said as the command line says it.
        other => other.to_string(),
    }
}
