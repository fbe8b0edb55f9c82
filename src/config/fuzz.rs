//! What is parsed here under texts that a fuzzer makes up: as tests a bounded number of them, under
//! `cargo bolero` as many as one has time for (see CONTRIBUTING.md).

#[path = "../../tests/fuzz/mutation.rs"]
pub mod mutation;

use super::edit::edit;
use super::parse::{ParseError, line_of, parse};
use super::{
    AddressRange, AddressRules, Config, Field, GroupRange, Link, Place, PortRange, ServerField, Slate,
    address, path, suggest_path,
};
use bolero::check;
use mutation::{Choices, mutated};
use std::fmt::{Debug, Display};
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::time::Duration;
use toml_edit::DocumentMut;

const CONFIGURATIONS: &[&str] = &[
    include_str!("../../tests/data/config/version-1.toml"),
    include_str!("../../tests/fuzz/corpus/config/by-hand.toml"),
    include_str!("../../tests/fuzz/corpus/config/inline.toml"),
    include_str!("../../tests/fuzz/corpus/config/least.toml"),
];
const LINKS: &str = include_str!("../../tests/fuzz/corpus/addresses/links.txt");
const ADDRESS_RANGES: &str = include_str!("../../tests/fuzz/corpus/ranges/addresses.txt");
const PORT_RANGES: &str = include_str!("../../tests/fuzz/corpus/ranges/ports.txt");
const GROUP_RANGES: &str = include_str!("../../tests/fuzz/corpus/ranges/groups.txt");

/// Changes of one text: with more of them little of it is understood.
const CHANGES: usize = 6;
/// A fuzzer's bytes for one text: enough for its choices.
const BYTES: usize = 128;
/// Of the short form: the one that is reached first ends it.
const TEXTS: usize = 20_000;
const TIME: Duration = Duration::from_secs(4);

/// A configuration made of another one by what the window does with its lists.
fn changed(mut config: Config, choices: &mut impl Choices) -> Config {
    for _ in 0..1 + choices.below(4) {
        let (streams, from) = (config.streams.len(), choices.below(config.streams.len().max(1)));
        match choices.below(9) {
            0 if streams > 0 => drop(config.streams.remove(from)),
            1 if streams > 0 => config.streams.swap(from, choices.below(streams)),
            2 if streams > 0 => {
                let mut copy = config.streams[from].clone();
                copy.id.push_str("-2");
                config.streams.insert(choices.below(streams + 1), copy);
            }
            3 if streams > 0 => config.streams[from].renditions.clear(),
            4 if streams > 0 => config.streams[from].source = Config::first().streams.remove(0).source,
            5 if streams > 0 => config.streams[from].overlays.reverse(),
            6 if streams > 0 => {
                let slates = [Slate::Last, Slate::Off, Slate::Picture("/a \"b\".png".into())];
                config.streams[from].slate = slates[choices.below(slates.len())].clone();
            }
            7 => config.users.reverse(),
            _ => config.streams.extend(Config::first().streams),
        }
    }
    config
}

#[test]
fn any_text_is_told_apart_and_any_change_is_written_as_it_was_meant() {
    check!().with_max_len(BYTES).with_iterations(TEXTS).with_test_time(TIME).for_each(
        |mut choices: &[u8]| {
            let text = mutated(CONFIGURATIONS, CHANGES, &mut choices);
            let (mut document, config) = match parse(&text) {
                Ok(parsed) => parsed,
                Err(ParseError::Invalid { line, column, sentence }) => {
                    let lines = text.matches('\n').count() + 1;
                    assert!((1..=lines).contains(&line), "line {line} of {lines}: {text:?}");
                    let longest = text.split('\n').nth(line - 1).unwrap().chars().count() + 1;
                    assert!((1..=longest).contains(&column), "column {column} of {longest}: {text:?}");
                    assert!(!sentence.is_empty(), "{text:?}");
                    return;
                }
                Err(ParseError::NewerVersion { .. }) => return,
            };
            for problem in config.validate() {
                assert!(!problem.to_string().is_empty());
                if let Some(line) = line_of(&text, &problem.field) {
                    assert_eq!(
                        text.lines().nth(line.number - 1).map(str::trim),
                        Some(line.text.as_str()),
                        "{text:?}"
                    );
                }
            }
            edit(&mut document, Some(&config), &config);
            assert_eq!(
                parse(&document.to_string()).as_ref().map(|(_, read)| read),
                Ok(&config),
                "{text}\n{document}"
            );

            let other = parse(&mutated(CONFIGURATIONS, CHANGES, &mut choices)).map(|(_, other)| other);
            for new in other.into_iter().chain([changed(config.clone(), &mut choices)]) {
                for old in [Some(&config), None] {
                    let mut document = if old.is_some() { document.clone() } else { DocumentMut::new() };
                    edit(&mut document, old, &new);
                    let written = document.to_string();
                    match parse(&written) {
                        Ok((_, read)) => assert_eq!(read, new, "{text}\nbecame\n{written}"),
                        Err(error) => panic!("{error}\n{text}\nbecame\n{written}"),
                    }
                }
            }
        },
    );
}

#[test]
fn any_link_is_left_without_a_login_and_leads_somewhere_or_is_refused() {
    let links: Vec<&str> = LINKS.lines().collect();
    check!().with_max_len(BYTES).with_iterations(TEXTS).with_test_time(TIME).for_each(
        |mut choices: &[u8]| {
            let text = mutated(&links, CHANGES, &mut choices);
            let link = Link::new(&text);
            if link.password.is_some() || !link.user.is_empty() {
                let again = Link::new(&link.address);
                assert_eq!((again.user.as_str(), &again.password), ("", &None), "{text:?} {link:?}");
                assert!(Place::of(&link.address).is_some(), "{text:?} {link:?}");
            }
            for address in [&text, &link.address] {
                let place = Place::of(address);
                match address::check(address) {
                    Ok(()) => {
                        let place = place.unwrap_or_else(|| panic!("it leads nowhere: {address:?}"));
                        assert!(Link::is_meant(address), "{address:?}");
                        assert_eq!(Link::new(address).user, "", "{address:?}");
                        let _ = (place.ip(), place.is_rtsp());
                    }
                    Err(problem) => assert!(!problem.to_string().is_empty(), "{address:?}"),
                }
            }
        },
    );
}

#[test]
fn any_name_gets_a_path_that_is_allowed() {
    let names: Vec<&str> = LINKS.lines().chain(["Front door (new)", "門", "/a-2", "a"]).collect();
    check!().with_max_len(BYTES).with_iterations(TEXTS).with_test_time(TIME).for_each(
        |mut choices: &[u8]| {
            let name = mutated(&names, CHANGES, &mut choices);
            let first = suggest_path(&name, &[]);
            let second = suggest_path(&name, &[&first]);
            assert_ne!(first, second);
            for path in [&first, &second] {
                assert_eq!(path::check(path), Ok(()), "{name:?}");
            }
            if path::check(&name).is_ok() {
                assert!(name.starts_with('/') && name.is_ascii(), "{name:?}");
            }
        },
    );
}

/// What a text says, if anything; written down, it says the same.
fn read<T>(text: &str) -> Option<T>
where
    T: FromStr<Err: Display> + Display + Debug + PartialEq,
{
    let value: T = match text.parse() {
        Ok(value) => value,
        Err(error) => {
            assert!(!error.to_string().is_empty(), "{text:?}");
            return None;
        }
    };
    assert_eq!(value.to_string().parse().ok().as_ref(), Some(&value), "{text:?}");
    Some(value)
}

#[test]
fn any_rule_has_the_addresses_that_begin_like_it_and_no_others() {
    let rules: Vec<&str> = ADDRESS_RANGES.lines().collect();
    check!().with_max_len(BYTES).with_iterations(TEXTS).with_test_time(TIME).for_each(
        |mut choices: &[u8]| {
            let text = mutated(&rules, CHANGES, &mut choices);
            let Some(range) = read::<AddressRange>(&text) else { return };
            // What was written is taken apart anew, by numbers alone.
            let written = range.to_string();
            let (first, prefix) = written.split_once('/').unwrap_or((&written, ""));
            let (first, length) = match first.parse().unwrap() {
                IpAddr::V4(first) => (u128::from(first.to_bits()), 32),
                IpAddr::V6(first) => (first.to_bits(), 128),
            };
            let prefix: u32 = prefix.parse().unwrap_or(length);
            let rest = 1u128.checked_shl(length - prefix).unwrap_or(0).wrapping_sub(1);
            let all = u128::MAX >> (128 - length);
            let any = (0..length / 8).fold(0, |bits, _| bits << 8 | choices.below(256) as u128);
            let near =
                [first, first | rest, first.wrapping_sub(1) & all, (first | rest).wrapping_add(1) & all];
            for address in near.into_iter().chain([any]) {
                let peers = match length {
                    32 => {
                        let address = Ipv4Addr::from(address as u32);
                        vec![IpAddr::V4(address), address.to_ipv6_mapped().into()]
                    }
                    _ => vec![IpAddr::V6(address.into())],
                };
                // A mapped address is in no range of IPv6: its peer is one of IPv4.
                let is_of_family = length == 32 || peers[0].to_canonical().is_ipv6();
                let is_in = is_of_family && address & !rest == first;
                for address in peers {
                    assert_eq!(range.contains(address), is_in, "{text:?}: {address}");
                    let allow = AddressRules { allow: vec![range], deny: vec![] };
                    let deny = AddressRules { allow: vec![], deny: vec![range] };
                    assert_eq!((allow.admit(address), deny.admit(address)), (is_in, !is_in), "{text:?}");
                }
            }
        },
    );
}

/// Whether the server would take it.
fn is_served(field: ServerField, change: impl FnOnce(&mut Config)) -> bool {
    let mut config = Config::first();
    change(&mut config);
    config.validate().iter().all(|problem| problem.field != Field::Server(field))
}

#[test]
fn any_range_of_ports_that_is_served_has_pairs_between_its_ends() {
    let ranges: Vec<&str> = PORT_RANGES.lines().collect();
    check!().with_max_len(BYTES).with_iterations(TEXTS).with_test_time(TIME).for_each(
        |mut choices: &[u8]| {
            let text = mutated(&ranges, CHANGES, &mut choices);
            let Some(ports) = read::<PortRange>(&text) else { return };
            // Port 0 is none.
            let pairs = (ports.first.max(1)..=ports.last).filter(|port| port % 2 == 0 && *port < ports.last);
            assert_eq!(ports.pairs() as usize, pairs.count(), "{text:?}");
            let served = is_served(ServerField::UdpPorts, |config| config.server.udp_ports = Some(ports));
            assert_eq!(served, ports.pairs() > 0, "{text:?}");
            assert!(!served || ports.first < ports.last, "{text:?}");
        },
    );
}

#[test]
fn any_range_of_groups_that_is_served_is_multicast_from_its_first_to_its_last() {
    let ranges: Vec<&str> = GROUP_RANGES.lines().collect();
    check!().with_max_len(BYTES).with_iterations(TEXTS).with_test_time(TIME).for_each(
        |mut choices: &[u8]| {
            let text = mutated(&ranges, CHANGES, &mut choices);
            let Some(groups) = read::<GroupRange>(&text) else { return };
            let is_reversed = groups.first > groups.last;
            assert_eq!(groups.count() == 0, is_reversed, "{text:?}");
            let served = is_served(ServerField::MulticastAddresses, |config| {
                config.server.multicast.addresses = groups;
            });
            if served {
                assert!(
                    !is_reversed && groups.first.is_multicast() && groups.last.is_multicast(),
                    "{text:?}"
                );
            }
        },
    );
}
