//! Whom the server keeps out: those who guess passwords, and those whose address may not connect.

use super::super::problem_row::ProblemRow;
use super::super::readers_question;
use super::super::toasts;
use crate::config::{AddressRange, AddressRules, Config};
use crate::control::Control;
use crate::engine::LockOut;
use crate::i18n::{gettext, gettext_f};
use crate::words;
use adw::prelude::*;
use adw::subclass::prelude::*;
use std::cell::{Cell, OnceCell, RefCell};

/// One of the two lists of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Allow,
    Deny,
}

impl List {
    fn of(self, rules: &mut AddressRules) -> &mut Vec<AddressRange> {
        match self {
            Self::Allow => &mut rules.allow,
            Self::Deny => &mut rules.deny,
        }
    }
}

mod imp {
    use super::*;

    #[derive(Default)]
    pub struct SecurityPage {
        pub control: OnceCell<Control>,
        pub lock_out_row: adw::SwitchRow,
        pub lock_outs: adw::PreferencesGroup,
        pub lock_out_rows: RefCell<Vec<adw::ActionRow>>,
        pub rules: adw::PreferencesGroup,
        pub rule_rows: RefCell<Vec<adw::ActionRow>>,
        /// What the rows of rules show.
        pub shown: RefCell<AddressRules>,
        /// The switch is set, not switched.
        pub filling: Cell<bool>,
        /// Handlers on what outlives the page.
        pub followed: RefCell<Vec<(glib::Object, glib::SignalHandlerId)>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for SecurityPage {
        const NAME: &'static str = "HeadwaterSecurityPage";
        type Type = super::SecurityPage;
        type ParentType = adw::PreferencesPage;
    }

    impl ObjectImpl for SecurityPage {
        fn dispose(&self) {
            for (object, handler) in self.followed.take() {
                object.disconnect(handler);
            }
        }
    }

    impl WidgetImpl for SecurityPage {}
    impl PreferencesPageImpl for SecurityPage {}
}

glib::wrapper! {
    pub struct SecurityPage(ObjectSubclass<imp::SecurityPage>)
        @extends adw::PreferencesPage, gtk::Widget,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

impl SecurityPage {
    pub fn new(control: &Control) -> Self {
        let page: Self = glib::Object::builder()
            .property("name", "security")
            .property("title", gettext("Security"))
            .property("icon-name", "security-high-symbolic")
            .build();
        assert!(page.imp().control.set(control.clone()).is_ok(), "a page is made once");
        page.add(&page.password_group());
        let imp = page.imp();
        imp.lock_outs.set_title(&gettext("Locked Out"));
        page.add(&imp.lock_outs);
        page.add(&page.address_group());
        page.add(&imp.rules);

        control.connect_changed(&page, |page, _| page.show());
        let weak = page.downgrade();
        let handler = control.engine().connect_lock_outs_notify(move |_| {
            if let Some(page) = weak.upgrade() {
                page.show_lock_outs();
            }
        });
        imp.followed.borrow_mut().push((control.engine().clone().upcast(), handler));
        page.show();
        page.show_lock_outs();
        page
    }

    fn control(&self) -> &Control {
        self.imp().control.get().expect("set when the page is made")
    }

    fn password_group(&self) -> adw::PreferencesGroup {
        let row = &self.imp().lock_out_row;
        row.set_title(&gettext("Lock Out After Wrong Passwords"));
        row.set_subtitle(&gettext("Longer each time, only at the address where it happens"));
        let weak = self.downgrade();
        row.connect_active_notify(move |row| {
            if let Some(page) = weak.upgrade()
                && !page.imp().filling.get()
            {
                let lock_out = row.is_active();
                glib::spawn_future_local(async move {
                    page.change(|config| config.server.lock_out = lock_out).await;
                });
            }
        });
        let group = adw::PreferencesGroup::builder().title(gettext("Passwords")).build();
        group.add(row);
        group
    }

    fn address_group(&self) -> adw::PreferencesGroup {
        let group = adw::PreferencesGroup::builder()
            .title(gettext("Addresses"))
            .description(gettext(
                "Where addresses are allowed, nobody else can connect. Who is denied cannot connect in any case.",
            ))
            .build();
        for (list, title) in [
            (List::Allow, gettext("Allow an Address or Network")),
            (List::Deny, gettext("Deny an Address or Network")),
        ] {
            let row = adw::EntryRow::builder().title(title).show_apply_button(true).build();
            let problem = ProblemRow::new();
            let weak = self.downgrade();
            row.connect_changed({
                let (weak, problem) = (weak.clone(), problem.clone());
                move |row| {
                    if let Some(page) = weak.upgrade() {
                        let text = row.text();
                        let wrong = if text.is_empty() { None } else { page.read(list, &text).err() };
                        problem.mark(row, wrong.as_deref());
                    }
                }
            });
            row.connect_apply(move |row| {
                if let Some(page) = weak.upgrade()
                    && let Ok(range) = page.read(list, &row.text())
                {
                    let row = row.clone();
                    glib::spawn_future_local(async move {
                        if page.change_rules(|rules| list.of(rules).push(range)).await {
                            row.set_text("");
                        }
                    });
                }
            });
            group.add(&row);
            group.add(&problem);
        }
        group
    }

    /// What is typed, or a sentence that says what is wrong with it.
    fn read(&self, list: List, text: &str) -> Result<AddressRange, String> {
        let range = text.parse().map_err(|error| words::address_range_error(&error))?;
        let mut rules = self.control().config().server.addresses;
        match list.of(&mut rules).contains(&range) {
            true => Err(gettext("This is in the list already.")),
            false => Ok(range),
        }
    }

    fn show(&self) {
        let imp = self.imp();
        let server = self.control().config().server;
        imp.filling.set(true);
        imp.lock_out_row.set_active(server.lock_out);
        imp.filling.set(false);
        // The rows stay while the rules do: one of them may have the focus.
        if imp.shown.replace(server.addresses.clone()) != server.addresses {
            for row in imp.rule_rows.take() {
                imp.rules.remove(&row);
            }
            let AddressRules { allow, deny } = server.addresses;
            let allowed = allow.into_iter().map(|range| self.rule_row(List::Allow, range));
            let denied = deny.into_iter().map(|range| self.rule_row(List::Deny, range));
            let rows: Vec<_> = allowed.chain(denied).collect();
            rows.iter().for_each(|row| imp.rules.add(row));
            imp.rule_rows.replace(rows);
        }
        imp.rules.set_visible(!imp.rule_rows.borrow().is_empty());
    }

    fn rule_row(&self, list: List, range: AddressRange) -> adw::ActionRow {
        let subtitle = match list {
            List::Allow => gettext("Allowed"),
            List::Deny => gettext("Denied"),
        };
        let row =
            adw::ActionRow::builder().title(range.to_string()).subtitle(subtitle).use_markup(false).build();
        let remove = gtk::Button::builder()
            .icon_name("user-trash-symbolic")
            .tooltip_text(gettext("Remove"))
            .valign(gtk::Align::Center)
            .css_classes(["flat"])
            .build();
        // Translators: {address} is an address or a network.
        let name = gettext_f("Remove {address}", &[("address", &range.to_string())]);
        remove.update_property(&[gtk::accessible::Property::Label(&name)]);
        let weak = self.downgrade();
        remove.connect_clicked(move |_| {
            if let Some(page) = weak.upgrade() {
                glib::spawn_future_local(async move {
                    page.change_rules(|rules| list.of(rules).retain(|other| *other != range)).await;
                });
            }
        });
        row.add_suffix(&remove);
        row
    }

    /// Asks before anybody is sent away. Whether the change was made.
    async fn change_rules(&self, edit: impl Fn(&mut AddressRules)) -> bool {
        let mut rules = self.control().config().server.addresses;
        edit(&mut rules);
        let viewers = self.control().engine().readers_denied_by(&rules);
        readers_question::confirm(self, viewers).await
            && self.change(|config| edit(&mut config.server.addresses)).await
    }

    /// Whether the change was made; why not, is said.
    async fn change(&self, edit: impl FnOnce(&mut Config)) -> bool {
        let changed = self.control().change(edit).await;
        if let Err(error) = &changed {
            toasts::say_change_error(self, error);
            self.show();
        }
        changed.is_ok()
    }

    fn show_lock_outs(&self) {
        let imp = self.imp();
        for row in imp.lock_out_rows.take() {
            imp.lock_outs.remove(&row);
        }
        let rows: Vec<_> =
            self.control().engine().lock_outs().iter().map(|who| self.lock_out_row(who)).collect();
        rows.iter().for_each(|row| imp.lock_outs.add(row));
        imp.lock_outs.set_visible(!rows.is_empty());
        imp.lock_out_rows.replace(rows);
    }

    fn lock_out_row(&self, lock_out: &LockOut) -> adw::ActionRow {
        let words = words::lock_out(lock_out);
        let row = adw::ActionRow::builder()
            .title(&words.title)
            .subtitle(words.detail.unwrap_or_default())
            .use_markup(false)
            .build();
        let lift = gtk::Button::builder().label(gettext("Let In")).valign(gtk::Align::Center).build();
        // It would go before the name.
        lift.reset_relation(gtk::AccessibleRelation::LabelledBy);
        // Translators: {who} is like “guest at 192.168.1.7”.
        let name = gettext_f("Let in {who}", &[("who", &words.title)]);
        lift.update_property(&[gtk::accessible::Property::Label(&name)]);
        let (weak, lock_out) = (self.downgrade(), lock_out.clone());
        lift.connect_clicked(move |_| {
            if let Some(page) = weak.upgrade() {
                page.control().engine().lift(&lock_out);
            }
        });
        row.add_suffix(&lift);
        row
    }
}
