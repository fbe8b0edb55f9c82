//! What is said of the addresses that may connect.

use crate::config::AddressRangeError;
use crate::i18n::{gettext, gettext_f};

/// What is wrong with what was written, in one sentence.
pub fn address_range_error(error: &AddressRangeError) -> String {
    match error {
        AddressRangeError::NotAnAddress { .. } => {
            gettext("Write an address like “192.168.1.7”, or a network like “192.168.1.0/24”.")
        }
        AddressRangeError::TooLong { address, most, .. } => gettext_f(
            // Translators: as in “At most /32 can follow 192.168.1.0.”
            "At most /{most} can follow {address}.",
            &[("most", &most.to_string()), ("address", &address.to_string())],
        ),
        AddressRangeError::NotTheFirst { network, .. } => gettext_f(
            "Write “{network}” for the whole network, or the address alone.",
            &[("network", &network.to_string())],
        ),
    }
}
