//! Encrypted connections: whether there are any, at which port, and by which certificate.

use super::super::problem_row::ProblemRow;
use super::super::stream_page::text_row::TextRow;
use super::super::toasts;
use super::server_problem;
use crate::config::{Config, ServerField};
use crate::control::Control;
use crate::engine::{EncryptionState, check_certificate};
use crate::i18n::{gettext, gettext_f};
use crate::words;
use adw::prelude::*;
use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;

pub struct EncryptionGroup {
    control: Control,
    switch: adw::SwitchRow,
    port: Rc<TextRow>,
    state: adw::ActionRow,
    fingerprint: adw::ActionRow,
    certificate: adw::ActionRow,
    /// What is wrong with files that were chosen just now.
    certificate_problem: ProblemRow,
    own: gtk::Button,
    /// The switch is set, not used.
    filling: Cell<bool>,
    /// On the engine, which outlives the group.
    handler: RefCell<Option<glib::SignalHandlerId>>,
}

impl Drop for EncryptionGroup {
    fn drop(&mut self) {
        if let Some(handler) = self.handler.take() {
            self.control.engine().disconnect(handler);
        }
    }
}

impl EncryptionGroup {
    /// It lives as long as its widget.
    pub fn new(control: &Control) -> adw::PreferencesGroup {
        let widget = adw::PreferencesGroup::builder()
            .title(gettext("Encryption"))
            .description(gettext("Addresses begin with rtsps:// then."))
            .build();
        let switch = adw::SwitchRow::builder().title(gettext("Encrypted Connections (RTSPS)")).build();
        let certificate = adw::ActionRow::builder().title(gettext("Certificate")).use_markup(false).build();
        certificate.add_css_class("property");
        let own = gtk::Button::builder()
            .icon_name("edit-undo-symbolic")
            .tooltip_text(gettext("Use Headwater’s Own Certificate"))
            .valign(gtk::Align::Center)
            .css_classes(["flat"])
            .build();
        let choose = gtk::Button::builder()
            .label(gettext("Choose…"))
            .tooltip_text(gettext("Choose a Certificate and Its Key"))
            .valign(gtk::Align::Center)
            .build();
        certificate.add_suffix(&own);
        certificate.add_suffix(&choose);
        let group = Rc::new(Self {
            port: port_row(control),
            control: control.clone(),
            switch,
            state: property_row(),
            fingerprint: fingerprint_row(),
            certificate,
            certificate_problem: ProblemRow::new(),
            own,
            filling: Cell::new(false),
            handler: RefCell::default(),
        });
        widget.add(&group.switch);
        group.port.add_to(&widget);
        widget.add(&group.state);
        widget.add(&group.fingerprint);
        widget.add(&group.certificate);
        widget.add(&group.certificate_problem);
        group.follow(&widget, &choose);
        group.show();
        widget
    }

    fn follow(self: &Rc<Self>, widget: &adw::PreferencesGroup, choose: &gtk::Button) {
        let group = Rc::downgrade(self);
        self.switch.connect_active_notify(move |switch| {
            let Some(group) = group.upgrade().filter(|group| !group.filling.get()) else { return };
            let on = switch.is_active();
            glib::spawn_future_local(async move {
                group.change(move |config| config.server.rtsps.enabled = on).await;
            });
        });
        let group = Rc::downgrade(self);
        choose.connect_clicked(move |_| {
            if let Some(group) = group.upgrade() {
                glib::spawn_future_local(async move { group.choose_files().await });
            }
        });
        let group = Rc::downgrade(self);
        self.own.connect_clicked(move |_| {
            if let Some(group) = group.upgrade() {
                group.mark(None);
                glib::spawn_future_local(async move {
                    group
                        .change(|config| {
                            config.server.rtsps.certificate = None;
                            config.server.rtsps.key = None;
                        })
                        .await;
                });
            }
        });
        let group = self.clone();
        self.control.connect_changed(widget, move |_, _| group.show());
        let group = Rc::downgrade(self);
        let handler = self.control.engine().connect_encryption_notify(move |_| {
            if let Some(group) = group.upgrade() {
                group.show();
            }
        });
        self.handler.replace(Some(handler));
    }

    fn show(&self) {
        let rtsps = self.control.config().server.rtsps;
        self.filling.set(true);
        self.switch.set_active(rtsps.enabled);
        self.filling.set(false);
        self.port.show(&rtsps.port.to_string());
        self.port.set_visible(rtsps.enabled);

        let state = self.control.engine().encryption();
        let words = words::encryption_state(&state);
        self.state.set_title(&words.title);
        let sentences = [words.detail, words.hint].into_iter().flatten().collect::<Vec<_>>();
        self.state.set_subtitle(&sentences.join(" "));
        self.state.set_visible(rtsps.enabled);
        let fingerprint = match &state {
            EncryptionState::Listening { certificate, .. } => Some(certificate.fingerprint.as_str()),
            _ => None,
        };
        self.fingerprint.set_visible(fingerprint.is_some());
        self.fingerprint.set_subtitle(fingerprint.unwrap_or_default());

        self.certificate.set_visible(rtsps.enabled);
        self.certificate.set_subtitle(&match &rtsps.certificate {
            Some(file) => file.display().to_string(),
            None => gettext("Made by Headwater for this computer"),
        });
        self.own.set_visible(rtsps.certificate.is_some());
        if !rtsps.enabled {
            self.mark(None);
        }
    }

    fn mark(&self, sentence: Option<&str>) {
        self.certificate_problem.mark(&self.certificate, sentence);
    }

    /// Both files are looked at before they are used.
    async fn choose_files(&self) {
        let Some(certificate) = self.choose_file(&gettext("Choose the Certificate")).await else { return };
        let Some(key) = self.choose_file(&gettext("Choose the Key of the Certificate")).await else { return };
        match check_certificate(certificate.clone(), key.clone()).await {
            Ok(_) => {
                self.mark(None);
                self.change(move |config| {
                    config.server.rtsps.certificate = Some(certificate.clone());
                    config.server.rtsps.key = Some(key.clone());
                })
                .await;
            }
            Err(error) => {
                let (what, hint) = words::encryption_error(&error);
                // Translators: both are sentences: what happened, and what to do.
                let sentence = gettext_f("{what} {hint}", &[("what", &what), ("hint", &hint)]);
                self.mark(Some(&sentence));
            }
        }
    }

    async fn choose_file(&self, title: &str) -> Option<PathBuf> {
        let chooser = gtk::FileDialog::builder().title(title).build();
        let window = self.switch.root().and_downcast::<gtk::Window>();
        match chooser.open_future(window.as_ref()).await {
            Ok(file) => file.path(),
            Err(error) => {
                if !error.matches(gtk::DialogError::Dismissed) {
                    toasts::say(&self.switch, error.message());
                }
                None
            }
        }
    }

    async fn change(&self, edit: impl FnOnce(&mut Config)) {
        if let Err(error) = self.control.change(edit).await {
            toasts::say_change_error(&self.switch, &error);
            self.show();
        }
    }
}

fn port_row(control: &Control) -> Rc<TextRow> {
    let (checked, applied) = (control.clone(), control.clone());
    let row = TextRow::new(
        &gettext("Port of RTSPS"),
        move |text| match port(text) {
            Some(port) => server_problem(&checked, ServerField::RtspsPort, |config| {
                config.server.rtsps.port = port;
            }),
            None => Some(gettext("A port is a number from 1 to 65535; 8322 is common.")),
        },
        move |row, text| {
            let (control, row) = (applied.clone(), row.clone());
            glib::spawn_future_local(async move {
                let Some(port) = port(&text) else { return };
                match control.change(|config| config.server.rtsps.port = port).await {
                    Ok(()) => row.follow(&text),
                    Err(error) => toasts::say_change_error(&row.row, &error),
                }
            });
        },
    );
    row.row.set_input_purpose(gtk::InputPurpose::Digits);
    row
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port > 0)
}

fn property_row() -> adw::ActionRow {
    adw::ActionRow::builder().use_markup(false).css_classes(["property"]).build()
}

fn fingerprint_row() -> adw::ActionRow {
    let row = property_row();
    row.set_title(&gettext("Fingerprint (SHA-256)"));
    row.set_subtitle_selectable(true);
    let copy = gtk::Button::builder()
        .icon_name("edit-copy-symbolic")
        .tooltip_text(gettext("Copy Fingerprint"))
        .valign(gtk::Align::Center)
        .css_classes(["flat"])
        .build();
    copy.update_property(&[gtk::accessible::Property::Label(&gettext(
        "Copy the fingerprint of the certificate",
    ))]);
    let weak = row.downgrade();
    copy.connect_clicked(move |copy| {
        if let Some(row) = weak.upgrade() {
            copy.clipboard().set_text(&row.subtitle().unwrap_or_default());
            toasts::say(copy, &gettext("Fingerprint copied"));
        }
    });
    row.add_suffix(&copy);
    row
}
