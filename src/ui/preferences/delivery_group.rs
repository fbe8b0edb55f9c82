//! How packets leave: the UDP ports, and where multicast goes.

use super::super::stream_page::choice_row::ChoiceRow;
use super::super::stream_page::text_row::TextRow;
use super::super::toasts;
use super::server_problem;
use crate::config::{Config, GroupRange, PortRange, ServerField};
use crate::control::Control;
use crate::i18n::gettext;
use adw::prelude::*;
use std::rc::Rc;

struct DeliveryGroup {
    control: Control,
    ports: Rc<TextRow>,
    interface: Rc<ChoiceRow<String>>,
    groups: Rc<TextRow>,
    port: Rc<TextRow>,
}

/// What is typed into the server's configuration; none where it cannot be read.
type Edit = Box<dyn FnOnce(&mut Config)>;

pub fn new(control: &Control) -> adw::PreferencesGroup {
    let widget = adw::PreferencesGroup::builder()
        .title(gettext("UDP and Multicast"))
        .description(gettext("In force for streams that nobody watches now, and for the others afterwards."))
        .build();
    let group = Rc::new(DeliveryGroup {
        ports: row(
            control,
            &gettext("UDP Ports (Empty: Any)"),
            ServerField::UdpPorts,
            &gettext("Write two ports with a dash, like “50000-50099”: two are needed for each stream."),
            |text| {
                let ports: Option<PortRange> = if text.is_empty() { None } else { Some(text.parse().ok()?) };
                Some(Box::new(move |config| config.server.udp_ports = ports))
            },
        ),
        interface: interface_row(control),
        groups: row(
            control,
            &gettext("Multicast Addresses"),
            ServerField::MulticastAddresses,
            &gettext("Write two IPv4 addresses with a dash, like “239.255.84.0-239.255.84.255”."),
            |text| {
                let groups: GroupRange = text.parse().ok()?;
                Some(Box::new(move |config| config.server.multicast.addresses = groups))
            },
        ),
        port: row(
            control,
            &gettext("Multicast Port"),
            ServerField::MulticastPort,
            &gettext("Choose an even port; the next one is taken as well."),
            |text| {
                let port: u16 = text.parse().ok()?;
                Some(Box::new(move |config| config.server.multicast.port = port))
            },
        ),
        control: control.clone(),
    });
    group.ports.add_to(&widget);
    widget.add(&group.interface.row);
    group.groups.add_to(&widget);
    group.port.add_to(&widget);
    group.show();
    control.connect_changed(&widget, move |_, _| group.show());
    widget
}

impl DeliveryGroup {
    fn show(&self) {
        let server = self.control.config().server;
        self.ports.show(&server.udp_ports.map(|ports| ports.to_string()).unwrap_or_default());
        self.interface.show(&server.multicast.interface, Clone::clone);
        self.groups.show(&server.multicast.addresses.to_string());
        self.port.show(&server.multicast.port.to_string());
    }
}

/// `unreadable` is said of what `read` makes nothing of.
fn row(
    control: &Control,
    title: &str,
    field: ServerField,
    unreadable: &str,
    read: fn(&str) -> Option<Edit>,
) -> Rc<TextRow> {
    let (checked, applied, unreadable) = (control.clone(), control.clone(), unreadable.to_owned());
    TextRow::new(
        title,
        move |text| match read(text) {
            Some(edit) => server_problem(&checked, field, edit),
            None => Some(unreadable.clone()),
        },
        move |row, text| {
            let (control, row) = (applied.clone(), row.clone());
            glib::spawn_future_local(async move {
                let Some(edit) = read(&text) else { return };
                match control.change(edit).await {
                    Ok(()) => row.follow(&text),
                    Err(error) => toasts::say_change_error(&row.row, &error),
                }
            });
        },
    )
}

fn interface_row(control: &Control) -> Rc<ChoiceRow<String>> {
    let mut names: Vec<String> = Vec::new();
    for local in control.engine().local_addresses().iter().filter(|local| !local.ip.is_loopback()) {
        if !names.contains(&local.interface) {
            names.push(local.interface.clone());
        }
    }
    let names = names.into_iter().map(|name| (name.clone(), name));
    let choices = [(String::new(), gettext("Where the server listens"))].into_iter().chain(names);
    let control = control.clone();
    ChoiceRow::new(&gettext("Multicast Leaves By"), choices, move |interface| {
        let control = control.clone();
        glib::spawn_future_local(async move {
            if let Err(error) = control.change(|config| config.server.multicast.interface = interface).await {
                tracing::warn!("the interface was not changed: {error}");
            }
        });
    })
}
