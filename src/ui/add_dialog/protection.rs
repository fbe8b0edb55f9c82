//! Whom a new stream lets in that asks for a password: a user who has one already, or one for whom it is made up.

use crate::config::{Config, Password, SecretError, User};
use crate::control::Control;
use crate::i18n::{gettext, gettext_f};

/// Who is let in where nobody has a password yet.
const GUEST: &str = "guest";

pub struct Protection {
    pub user: String,
    has_password: bool,
}

impl Protection {
    pub fn new(control: &Control) -> Self {
        let users = control.config().users;
        match users.into_iter().find(|user| control.password(&user.name).is_some()) {
            Some(user) => Self { user: user.name, has_password: true },
            None => Self { user: GUEST.into(), has_password: false },
        }
    }

    /// What it means, in a sentence.
    pub fn words(&self) -> String {
        let user = [("user", self.user.as_str())];
        match self.has_password {
            // Translators: {user} is the name of a user, here and below.
            true => gettext_f("Lets in “{user}”", &user),
            false => gettext_f("One is made up for “{user}”", &user),
        }
    }

    /// The user has to be there before a stream can name it.
    pub fn add_user(&self, config: &mut Config) {
        if config.users.iter().all(|user| user.name != self.user) {
            config.users.push(User { name: self.user.clone() });
        }
    }

    /// Makes up a password where there is none. Before the stream: a name alone would let in who knows an older
    /// password of that name.
    pub async fn prepare(&self, control: &Control) -> Result<(), SecretError> {
        if self.has_password {
            return Ok(());
        }
        let password = Password::made_up()
            .map_err(|_| SecretError::Refused { message: gettext("No password can be made up.") })?;
        control.set_password(&self.user, password).await
    }
}
