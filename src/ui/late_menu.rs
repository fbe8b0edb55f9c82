//! Menus that are made when they are opened. GTK 4.18 never frees one that has sections, once it was made.

/// Gives a button this menu. `update` is called each time before it opens.
pub fn attach(button: &gtk::MenuButton, menu: &gio::Menu, update: impl Fn() + 'static) {
    let menu = menu.clone();
    button.set_create_popup_func(move |button| {
        update();
        if button.menu_model().is_none() {
            button.set_menu_model(Some(&menu));
        }
    });
}
