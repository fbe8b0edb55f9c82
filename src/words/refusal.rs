//! What is said of readers that were refused.

use super::Words;
use super::access::scheme_names;
use crate::engine::{LimitScope, LockOut, RefusalReason, RefusedReader};
use crate::i18n::{gettext, gettext_f, ngettext_f};
use std::time::{SystemTime, UNIX_EPOCH};

/// Who was refused, why, and what to do where something can be done.
pub fn refusal(refused: &RefusedReader) -> Words {
    use RefusalReason as Reason;
    let (player, user) = (("address", refused.address.as_str()), ("user", refused.user.as_str()));
    let path = ("path", refused.path.as_str());
    let all = &[player, user, path];
    let (title, detail, hint) = match &refused.reason {
        Reason::WrongPassword => (
            gettext("Wrong password"),
            // Translators: here and below, {address} is that of a computer, and {path} that of a stream, like “/lobby”.
            gettext_f("The player at {address} gave a wrong password for “{user}”.", all),
            Some(gettext("If it is one of yours, check the password that it was given.")),
        ),
        Reason::UnknownUser => (
            gettext("Unknown user"),
            gettext_f("The player at {address} gave the name “{user}”, which no user has.", all),
            Some(gettext("If it is one of yours, check the name, or add the user in Preferences.")),
        ),
        Reason::PasswordMissing => (
            gettext("Password missing"),
            gettext_f(
                "The player at {address} wanted to log in as “{user}”, whose password is not known.",
                all,
            ),
            Some(gettext("Set one in Preferences, under Users, or unlock the keyring.")),
        ),
        Reason::NoLogin { offered } => (
            gettext("No login"),
            gettext_f(
                // Translators: {offered} names ways to log in, like “Basic” or “Digest SHA-256”.
                "The player at {address} did not log in; this stream asks for a user and a password ({offered}).",
                &[player, ("offered", &scheme_names(offered))],
            ),
            Some(gettext(
                "Give it the address with user and password. If it has them, let the stream ask in a way that more players know.",
            )),
        ),
        Reason::SchemeNotOffered { asked, offered } => (
            gettext("Other way to log in"),
            gettext_f(
                // Translators: {asked} and {offered} name ways to log in, like “Basic” or “Digest SHA-256”.
                "The player at {address} asked for {asked}; this stream allows only {offered}.",
                &[player, ("asked", asked), ("offered", &scheme_names(offered))],
            ),
            Some(gettext("Choose a way to log in that it knows, on the page of the stream.")),
        ),
        Reason::LoginUnreadable => (
            gettext("Broken login"),
            gettext_f("The player at {address} sent a login that cannot be read.", all),
            Some(gettext("Use another player, or update it.")),
        ),
        Reason::LoginForAnother => (
            gettext("Login for another address"),
            gettext_f(
                "The player at {address} sent a login that was made for another address than {path}.",
                all,
            ),
            Some(gettext("Let it connect again. If a proxy changes addresses on the way, go around it.")),
        ),
        Reason::NoRight => (
            gettext("Not allowed"),
            gettext_f("“{user}” at {address} may not watch {path}.", all),
            Some(gettext("If “Who can watch” should include this user, add them on the page of the stream.")),
        ),
        Reason::NoSuchStream => (
            gettext("No such stream"),
            gettext_f(
                "The player at {address} asked for {path}, where there is no stream, or one that is off.",
                all,
            ),
            Some(gettext("Check the address that it was given.")),
        ),
        Reason::SourceNotDelivering => (
            gettext("No picture"),
            gettext_f("The player at {address} asked for {path}, which has no picture now.", all),
            Some(gettext("The stream says what is wrong with its source.")),
        ),
        Reason::NotPublished => (
            gettext("Not for sending"),
            gettext_f(
                "The program at {address} wanted to send to {path}, whose pictures come from elsewhere.",
                all,
            ),
            Some(gettext("Choose “Sent by a Program” as the source of this stream, on its page.")),
        ),
        Reason::PublisherThere { address } => (
            gettext("Somebody else is sending"),
            gettext_f(
                // Translators: {other} is the address of a computer, too.
                "The program at {address} wanted to send to {path}, while {other} is sending.",
                &[player, path, ("other", address)],
            ),
            Some(gettext("One at a time can send to a stream. Add another one, or end the other program.")),
        ),
        Reason::LockedOut { until } => (
            gettext("Locked out"),
            gettext_f(
                // Translators: {time} is a time of day, like “14:05”.
                "The player at {address} is locked out until {time}, after too many wrong passwords.",
                &[player, ("time", &time_of_day(*until))],
            ),
            Some(gettext("It can be let in before that in Preferences, under Security.")),
        ),
        Reason::AddressDenied => (
            gettext("Address not allowed"),
            gettext_f("The address {address} is not allowed to connect.", all),
            Some(gettext("Preferences have the rules, under Security.")),
        ),
        Reason::KeptAway { until } => (
            gettext("Kept away"),
            gettext_f(
                "The player at {address} was removed, and is kept away until {time}.",
                &[player, ("time", &time_of_day(*until))],
            ),
            None,
        ),
        Reason::TooManyReaders { scope, most } => {
            let most = *most;
            let detail = match scope {
                LimitScope::Stream => ngettext_f(
                    "The player at {address} was refused, because {path} has {n} viewer already.",
                    "The player at {address} was refused, because {path} has {n} viewers already.",
                    most,
                    &[player, path],
                ),
                LimitScope::Server => ngettext_f(
                    "The player at {address} was refused, because there is {n} viewer already.",
                    "The player at {address} was refused, because there are {n} viewers already.",
                    most,
                    &[player],
                ),
                LimitScope::Address => ngettext_f(
                    "The player at {address} was refused, because {n} viewer is there already.",
                    "The player at {address} was refused, because {n} viewers are there already.",
                    most,
                    &[player],
                ),
            };
            (gettext("Too many viewers"), detail, Some(gettext("Raise the limit, or remove a viewer.")))
        }
        Reason::TooManySessions { most } => (
            gettext("Too many sessions"),
            ngettext_f(
                "The player at {address} was refused, because there is {n} session already.",
                "The player at {address} was refused, because there are {n} sessions already.",
                *most,
                &[player],
            ),
            Some(gettext("Raise the limit, or wait: sessions that nobody uses end after a minute.")),
        ),
        Reason::TooManyConnections { scope: LimitScope::Address, most } => (
            gettext("Too many connections"),
            ngettext_f(
                "{address} was refused another connection: it has {n} already.",
                "{address} was refused another connection: it has {n} already.",
                *most,
                &[player],
            ),
            None,
        ),
        Reason::TooManyConnections { most, .. } => (
            gettext("Too many connections"),
            ngettext_f(
                "{address} could not connect: {n} connection is open already.",
                "{address} could not connect: {n} connections are open already.",
                *most,
                &[player],
            ),
            None,
        ),
        Reason::RequestTooLarge { .. } => (
            gettext("Request too large"),
            gettext_f("The program at {address} sent a request that is larger than any player’s.", all),
            None,
        ),
        Reason::RequestTooSlow { seconds } => (
            gettext("Request too slow"),
            ngettext_f(
                "The program at {address} did not finish its request within {n} second.",
                "The program at {address} did not finish its request within {n} seconds.",
                u32::try_from(*seconds).unwrap_or(u32::MAX),
                &[player],
            ),
            None,
        ),
        Reason::TooManyRequests { .. } => (
            gettext("Too many requests"),
            gettext_f("The program at {address} sent more requests than any player does.", all),
            None,
        ),
        Reason::TransportNotAllowed { asked } => (
            gettext("Transport not allowed"),
            gettext_f(
                // Translators: {asked} is a way to carry pictures, like “UDP”.
                "The player at {address} asked for the transport {asked}, which {path} does not allow.",
                &[player, path, ("asked", asked)],
            ),
            Some(gettext("Choose another transport in the player, or allow it on the page of the stream.")),
        ),
    };
    Words { title, detail: Some(detail), hint }
}

/// Who has to wait after failed logins, and until when.
pub fn lock_out(lock_out: &LockOut) -> Words {
    let network = lock_out.network;
    let address = match network.prefix_len() == network.max_prefix_len() {
        true => network.addr().to_string(),
        false => network.to_string(),
    };
    let title = match &lock_out.user {
        Some(user) => {
            gettext_f("“{user}” at {address}", &[("user", user.as_str()), ("address", address.as_str())])
        }
        None => gettext_f("All new users at {address}", &[("address", address.as_str())]),
    };
    let detail = gettext_f("Locked out until {time}", &[("time", &time_of_day(lock_out.until))]);
    Words { title, detail: Some(detail), hint: None }
}

/// Hours and minutes, here; empty where the system does not know.
fn time_of_day(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let local = i64::try_from(seconds).ok().and_then(|seconds| glib::DateTime::from_unix_local(seconds).ok());
    local.and_then(|local| local.format("%R").ok()).map_or_else(String::new, Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Scheme;

    fn said(reason: RefusalReason) -> String {
        let refused = RefusedReader {
            address: "192.168.1.7".into(),
            user: "guest".into(),
            path: "/lobby".into(),
            reason,
            ..RefusedReader::default()
        };
        refusal(&refused).detail.unwrap()
    }

    #[test]
    fn what_was_asked_and_what_is_allowed_are_both_named() {
        assert_eq!(
            said(RefusalReason::SchemeNotOffered {
                asked: "Digest SHA-256".into(),
                offered: vec![Scheme::Basic]
            }),
            "The player at 192.168.1.7 asked for Digest SHA-256; this stream allows only Basic."
        );
    }

    #[test]
    fn a_lock_out_names_the_user_and_the_address_or_the_network() {
        let title = |network: &str, user: Option<&str>| {
            let network = network.parse().unwrap();
            lock_out(&LockOut { network, user: user.map(str::to_owned), until: UNIX_EPOCH }).title
        };
        assert_eq!(title("192.0.2.7/32", Some("guest")), "“guest” at 192.0.2.7");
        assert_eq!(title("2001:db8::/64", None), "All new users at 2001:db8::/64");
    }

    #[test]
    fn every_sentence_names_who_and_has_nothing_left_to_fill_in() {
        use RefusalReason as Reason;
        let until = UNIX_EPOCH;
        let offered = vec![Scheme::Digest];
        let mut reasons = vec![
            Reason::WrongPassword,
            Reason::UnknownUser,
            Reason::PasswordMissing,
            Reason::NoLogin { offered },
            Reason::LoginUnreadable,
            Reason::LoginForAnother,
            Reason::NoRight,
            Reason::NoSuchStream,
            Reason::SourceNotDelivering,
            Reason::NotPublished,
            Reason::PublisherThere { address: "192.0.2.9".into() },
            Reason::LockedOut { until },
            Reason::AddressDenied,
            Reason::KeptAway { until },
            Reason::RequestTooLarge { most: 4096 },
            Reason::RequestTooSlow { seconds: 10 },
            Reason::TooManyRequests { most: 10, seconds: 1 },
            Reason::TransportNotAllowed { asked: "UDP".into() },
            Reason::TooManySessions { most: 3 },
        ];
        for scope in [LimitScope::Stream, LimitScope::Server, LimitScope::Address] {
            reasons.push(Reason::TooManyReaders { scope, most: 3 });
            reasons.push(Reason::TooManyConnections { scope, most: 3 });
        }
        for reason in reasons {
            let said = said(reason.clone());
            assert!(said.contains("192.168.1.7") && !said.contains('{'), "{reason:?}: {said}");
            assert!(!reason.to_string().is_empty());
        }
    }
}
