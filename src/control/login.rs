//! Addresses with a name and a password in them, as players take them.

use crate::config::Password;

/// An address with a login in it, escaped (RFC 3986, section 3.2.1).
pub fn with_login(address: &str, user: &str, password: &Password) -> String {
    let escape = |text: &str| glib::Uri::escape_string(text, None, false);
    let (scheme, rest) = address.split_once("://").expect("an address has a scheme");
    format!("{scheme}://{}:{}@{rest}", escape(user), escape(password.reveal()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_login_is_taken_for_a_part_of_the_address() {
        let address = with_login("rtsp://[::1]:8554/lobby", "a b@c/ü", &"p:/?#@%".into());
        assert_eq!(address, "rtsp://a%20b%40c%2F%C3%BC:p%3A%2F%3F%23%40%25@[::1]:8554/lobby");
    }
}
