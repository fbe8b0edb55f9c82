//! Asks for the password of a user, and for the name where the user is new. A password is made up already.

use crate::config::{Field, Password, User};
use crate::control::Control;
use crate::i18n::{gettext, gettext_f};
use crate::ui::alert;
use crate::ui::password_row;
use crate::ui::problem_row::ProblemRow;
use crate::words;
use adw::prelude::*;

/// A new user's name and password.
pub async fn ask_new(parent: &impl IsA<gtk::Widget>, control: &Control) -> Option<(String, Password)> {
    let name = adw::EntryRow::builder().title(gettext("User Name")).build();
    let problem = ProblemRow::new();
    let group = adw::PreferencesGroup::new();
    group.add(&name);
    group.add(&problem);

    let dialog = dialog(&gettext("Add User"), &gettext("_Add"), &group);
    let password = add_password(&group, &dialog, None);
    // Nothing is wrong with a name before somebody typed, but it cannot be used.
    dialog.set_response_enabled("accept", false);
    let rows = (name.downgrade(), password.downgrade(), dialog.downgrade());
    let control = control.clone();
    let check = move || {
        let (Some(name), Some(password), Some(dialog)) =
            (rows.0.upgrade(), rows.1.upgrade(), rows.2.upgrade())
        else {
            return;
        };
        let sentence = name_problem(&control, name.text().trim());
        problem.mark(&name, sentence.as_deref());
        let usable = sentence.is_none() && password_row::problem(&password).is_none();
        dialog.set_response_enabled("accept", usable);
    };
    let typed = check.clone();
    name.connect_changed(move |_| typed());
    password.connect_changed(move |_| check());
    let accepted = alert::choose(dialog, parent).await == "accept";
    accepted.then(|| (name.text().trim().to_owned(), Password::from(password.text().as_str())))
}

/// Another password for a user. The one that is known is filled in.
pub async fn ask_password(
    parent: &impl IsA<gtk::Widget>,
    user: &str,
    current: Option<Password>,
) -> Option<Password> {
    let group = adw::PreferencesGroup::new();
    // Translators: {user} is the name of a user.
    let heading = gettext_f("Password of {user}", &[("user", user)]);
    let dialog = dialog(&heading, &gettext("_Set Password"), &group);
    let password = add_password(&group, &dialog, current);
    let checked = dialog.downgrade();
    password.connect_changed(move |password| {
        if let Some(dialog) = checked.upgrade() {
            dialog.set_response_enabled("accept", password_row::problem(password).is_none());
        }
    });
    let accepted = alert::choose(dialog, parent).await == "accept";
    accepted.then(|| Password::from(password.text().as_str()))
}

fn name_problem(control: &Control, name: &str) -> Option<String> {
    let mut config = control.config();
    let index = config.users.len();
    config.users.push(User { name: name.to_owned() });
    let problems = config.validate();
    problems.iter().find(|problem| problem.field == Field::User { index }).map(words::problem)
}

fn add_password(
    group: &adw::PreferencesGroup,
    dialog: &adw::AlertDialog,
    current: Option<Password>,
) -> adw::PasswordEntryRow {
    let row = password_row::new();
    match current.or_else(|| Password::made_up().ok()) {
        Some(password) => row.set_text(password.reveal()),
        None => dialog.set_response_enabled("accept", false),
    }
    group.add(&row);
    row
}

fn dialog(heading: &str, accept: &str, group: &adw::PreferencesGroup) -> adw::AlertDialog {
    let dialog = adw::AlertDialog::builder()
        .heading(heading)
        .extra_child(group)
        .default_response("accept")
        .close_response("cancel")
        .build();
    dialog.add_responses(&[("cancel", &gettext("_Cancel")), ("accept", accept)]);
    dialog.set_response_appearance("accept", adw::ResponseAppearance::Suggested);
    dialog
}
