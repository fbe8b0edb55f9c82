//! What the forms of the page edit: one stream of the configuration. Changes are made at once, unless those who
//! watch would have to connect again: such a change waits until the user says so.

use crate::config::{Config, Field, Problem, StreamConfig, StreamField};
use crate::control::{ChangeError, Control};
use crate::engine::{Change, Stream};
use crate::ui::toasts;
use gtk::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;

type Edit = Rc<dyn Fn(&mut StreamConfig)>;

/// Clones are the same form.
#[derive(Clone)]
pub struct Form(Rc<Inner>);

struct Inner {
    control: Control,
    stream: Stream,
    page: glib::WeakRef<gtk::Widget>,
    /// Changes that wait, in their order.
    waiting: RefCell<Vec<Edit>>,
}

impl Form {
    /// The page has the action `page.refresh`.
    pub fn new(control: &Control, stream: &Stream, page: &impl IsA<gtk::Widget>) -> Self {
        let page = page.upcast_ref::<gtk::Widget>().downgrade();
        Self(Rc::new(Inner {
            control: control.clone(),
            stream: stream.clone(),
            page,
            waiting: RefCell::default(),
        }))
    }

    pub fn control(&self) -> &Control {
        &self.0.control
    }

    pub fn stream(&self) -> &Stream {
        &self.0.stream
    }

    /// The configuration with what waits; none after the stream was removed.
    pub fn shown(&self) -> Option<StreamConfig> {
        let mut config = self.0.control.config();
        let stream = config.streams.iter_mut().find(|stream| stream.id == self.0.stream.id())?;
        for edit in &*self.0.waiting.borrow() {
            edit(stream);
        }
        Some(stream.clone())
    }

    pub fn is_waiting(&self) -> bool {
        !self.0.waiting.borrow().is_empty()
    }

    /// What would be wrong with one field after this edit, in one sentence or two.
    pub fn problem(
        &self,
        is_meant: impl Fn(StreamField) -> bool,
        edit: impl FnOnce(&mut StreamConfig),
    ) -> Option<String> {
        let mut stream = self.shown()?;
        edit(&mut stream);
        let problems = self.problems(stream);
        let meant = problems.iter().find(|problem| match &problem.field {
            Field::Stream { field, .. } => is_meant(*field),
            Field::User { .. } => false,
        });
        meant.map(crate::words::problem)
    }

    fn problems(&self, stream: StreamConfig) -> Vec<Problem> {
        let id = stream.id.clone();
        let mut config: Config = self.0.control.config();
        if let Some(place) = config.streams.iter().position(|other| other.id == id) {
            // A path that is taken is a problem of the later stream: here, of the one that is edited.
            config.streams.remove(place);
        }
        config.streams.push(stream);
        let mut problems = config.validate();
        problems.retain(|problem| matches!(&problem.field, Field::Stream { id: of, .. } if *of == id));
        problems
    }

    /// Changes the stream, or lets the change wait, and shows what came of it.
    pub async fn change(&self, edit: impl Fn(&mut StreamConfig) + 'static) -> Result<(), ChangeError> {
        let Some(mut stream) = self.shown() else { return Ok(()) };
        edit(&mut stream);
        let problems = self.problems(stream.clone());
        if !problems.is_empty() {
            return Err(ChangeError::Invalid(problems));
        }
        self.0.waiting.borrow_mut().push(Rc::new(edit));
        let disturbs = self.0.control.engine().effect(&stream) == Change::Restart;
        let changed = if disturbs && self.0.stream.viewers() > 0 { Ok(()) } else { self.apply().await };
        self.refresh();
        changed
    }

    /// Like [`Form::change`], for what cannot stay as it was typed: a failure is said in a toast, and the forms
    /// show what is in force.
    pub fn choose(&self, edit: impl Fn(&mut StreamConfig) + 'static) {
        let form = self.clone();
        glib::spawn_future_local(async move {
            if let Err(error) = form.change(edit).await {
                form.say_error(&error);
                form.refresh();
            }
        });
    }

    /// Makes the changes that wait.
    pub async fn apply(&self) -> Result<(), ChangeError> {
        let edits = self.0.waiting.take();
        let id = self.0.stream.id();
        self.0
            .control
            .change(|config| {
                if let Some(stream) = config.streams.iter_mut().find(|stream| stream.id == id) {
                    edits.iter().for_each(|edit| edit(stream));
                }
            })
            .await
    }

    /// Forgets the changes that wait.
    pub fn cancel(&self) {
        self.0.waiting.take();
        self.refresh();
    }

    /// Shows in every form what is in force, or waits.
    pub fn refresh(&self) {
        if let Some(page) = self.page() {
            page.activate_action("page.refresh", None).expect("a page has it");
        }
    }

    /// Says why a change was not made.
    pub fn say_error(&self, error: &ChangeError) {
        if let Some(page) = self.page() {
            toasts::say_change_error(&page, error);
        }
    }

    /// The page, while it is there: what dialogs and toasts belong to.
    pub fn page(&self) -> Option<gtk::Widget> {
        self.0.page.upgrade()
    }
}
