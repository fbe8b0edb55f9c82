//! By which ways the stream can be watched.

use super::choice_row::ChoiceRow;
use super::form::Form;
use super::switch_row::SwitchRow;
use crate::config::{ReaderTransport, Readers, StreamConfig};
use crate::i18n::gettext;
use crate::words;
use adw::prelude::*;
use std::rc::Rc;

pub struct TransportGroup {
    pub widget: adw::PreferencesGroup,
    preset: Rc<ChoiceRow<Vec<ReaderTransport>>>,
    switches: Vec<(ReaderTransport, SwitchRow)>,
    /// Said where multicast lets in who has no password.
    warning: adw::ActionRow,
}

impl TransportGroup {
    pub fn new(form: &Form) -> Self {
        let widget = adw::PreferencesGroup::builder().title(gettext("Transports")).build();
        let presets = [ReaderTransport::default_list(), vec![ReaderTransport::Rtsps]];
        let presets = presets.map(|list| {
            let name = words::transports(&list);
            (list, name)
        });
        let chosen = form.clone();
        let preset = ChoiceRow::new(&gettext("Watched By"), presets, move |list| {
            chosen.choose(move |stream| stream.transports = list.clone());
        });
        widget.add(&preset.row);

        let switches: Vec<_> =
            ReaderTransport::ALL.iter().map(|transport| (*transport, switch(form, *transport))).collect();
        switches.iter().for_each(|(_, switch)| widget.add(&switch.row));

        let warning = adw::ActionRow::builder()
            .title(gettext("Multicast knows no passwords"))
            .subtitle(gettext("Anyone in the network can watch this stream by joining in."))
            .build();
        let icon = gtk::Image::builder()
            .icon_name("dialog-warning-symbolic")
            .accessible_role(gtk::AccessibleRole::Presentation)
            .css_classes(["warning"])
            .build();
        warning.add_prefix(&icon);
        widget.add(&warning);
        Self { widget, preset, switches, warning }
    }

    pub fn show(&self, stream: &StreamConfig) {
        let allowed = &stream.transports;
        self.preset.show(allowed, |list| words::transports(list));
        for (transport, switch) in &self.switches {
            switch.show(allowed.contains(transport));
        }
        let protected = stream.access.read != Readers::Anyone;
        self.warning.set_visible(protected && allowed.contains(&ReaderTransport::Multicast));
    }
}

fn switch(form: &Form, transport: ReaderTransport) -> SwitchRow {
    let (name, use_of_it) = words::transport(transport);
    let form = form.clone();
    let switch = SwitchRow::new(&name, move |may| form.choose(move |stream| allow(stream, transport, may)));
    switch.row.set_subtitle(&use_of_it);
    switch
}

/// The list keeps the order in which the ways are shown, so that the same ones are the same list.
fn allow(stream: &mut StreamConfig, transport: ReaderTransport, may: bool) {
    let before = std::mem::take(&mut stream.transports);
    let is_allowed = |way: &ReaderTransport| if *way == transport { may } else { before.contains(way) };
    stream.transports = ReaderTransport::ALL.into_iter().filter(is_allowed).collect();
}
