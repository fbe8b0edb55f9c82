//! What is said of those who watch.

use super::transport;
use crate::config::ReaderTransport;
use crate::engine::Figures;
use crate::i18n::{gettext, gettext_f, ngettext_f};
use std::time::Duration;

/// Who it is.
pub fn viewer(address: &str, user: &str) -> String {
    match user {
        "" => address.to_owned(),
        // Translators: {user} is the name of a user, {address} that of a computer.
        user => gettext_f("{user} at {address}", &[("user", user), ("address", address)]),
    }
}

/// With what it watches, and since when.
pub fn watches(program: &str, transport: ReaderTransport, since: &str) -> String {
    let (transport, _) = self::transport(transport);
    let arguments = [("program", program), ("transport", transport.as_str()), ("time", since)];
    match program {
        // Translators: {transport} is such as “UDP”, {time} is a time of day.
        "" => gettext_f("{transport}, since {time}", &arguments),
        // Translators: {program} is what a player calls itself, {transport} is such as “UDP”, {time} is a time of day.
        _ => gettext_f("{program}, {transport}, since {time}", &arguments),
    }
}

/// The figures that tell whether it fares well, in one line.
pub fn fares(figures: &Figures) -> String {
    let lost = figures.lost.map(|packets| ngettext_f("{n} packet lost", "{n} packets lost", packets, &[]));
    // Translators: {size} is an amount of data, such as “34.1 kB”, that a viewer has not received yet.
    let waiting = figures.backlog.map(|bytes| gettext_f("{size} waiting", &[("size", &size(bytes))]));
    let parts: Vec<String> = [figures.bitrate.map(bitrate), lost, waiting].into_iter().flatten().collect();
    parts.join(&gettext(", "))
}

/// Each figure that is known, with its name.
pub fn figures(figures: &Figures) -> Vec<(String, String)> {
    let sent = gettext_f(
        // Translators: {packets} is a number, {size} is an amount of data, such as “34.1 MB”.
        "{packets} packets, {size}",
        &[("packets", &figures.packets.to_string()), ("size", &size(figures.bytes))],
    );
    let lost = figures.lost.map(|packets| {
        let lately = format!("{:.1}", 100.0 * figures.lost_lately.unwrap_or_default());
        ngettext_f(
            // Translators: {percent} is how much of what was sent lately.
            "{n} packet, lately {percent} %",
            "{n} packets, lately {percent} %",
            packets,
            &[("percent", &lately)],
        )
    });
    [
        (gettext("Bitrate"), figures.bitrate.map(bitrate)),
        (gettext("Sent"), Some(sent)),
        (gettext("Lost"), lost),
        // Translators: how unevenly packets reach a viewer.
        (gettext("Jitter"), figures.jitter.map(milliseconds)),
        // Translators: data that a viewer has not received yet.
        (gettext("Waiting"), figures.backlog.map(size)),
        (gettext("Round Trip"), figures.round_trip.map(milliseconds)),
        (gettext("Time to First Picture"), figures.first_frame.map(milliseconds)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

fn bitrate(bits: u64) -> String {
    match bits {
        0..1_000_000 => gettext_f("{n} kbit/s", &[("n", &(bits / 1000).to_string())]),
        _ => gettext_f("{n} Mbit/s", &[("n", &format!("{:.1}", bits as f64 / 1e6))]),
    }
}

fn milliseconds(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    let digits = if milliseconds < 10.0 { 1 } else { 0 };
    gettext_f("{n} ms", &[("n", &format!("{milliseconds:.digits$}"))])
}

fn size(bytes: u64) -> String {
    glib::format_size(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_said() {
        let known = Figures { packets: 10, bytes: 12_000, ..Figures::default() };
        assert_eq!(fares(&known), "");
        assert_eq!(figures(&known).len(), 1);
        let figures = Figures {
            bitrate: Some(4_020_000),
            lost: Some(1),
            jitter: Some(Duration::from_micros(1_240)),
            ..known
        };
        assert_eq!(fares(&figures), "4.0 Mbit/s, 1 packet lost");
        assert_eq!(super::figures(&figures)[3], ("Jitter".into(), "1.2 ms".into()));
    }

    #[test]
    fn a_viewer_is_named_by_its_user_where_it_has_one() {
        assert_eq!(viewer("192.0.2.7", ""), "192.0.2.7");
        assert_eq!(viewer("192.0.2.7", "ann"), "ann at 192.0.2.7");
    }
}
