//! What the forms of the page edit: one stream of the configuration. Changes are made at once, unless those who
//! watch would have to connect again: such a change waits until the user says so, and those after it do not.

use super::text_row::TextRow;
use crate::config::{Config, Field, Problem, StreamConfig, StreamField};
use crate::control::{ChangeError, Control};
use crate::engine::{Change, Stream};
use crate::ui::error_text::change_error;
use crate::ui::toasts;
use gtk::prelude::*;
use std::cell::{Cell, RefCell};
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
    under_way: Cell<usize>,
}

/// A change that is being made, or is still being chosen: until it is dropped, the forms stay as they are. With the
/// last one they show what is in force.
#[must_use]
pub struct UnderWay(Form);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Form(form) = &self.0;
        form.under_way.set(form.under_way.get() - 1);
        self.0.refresh();
    }
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
            under_way: Cell::default(),
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
        let mut stream = self.in_force()?;
        for edit in &*self.0.waiting.borrow() {
            edit(&mut stream);
        }
        Some(stream)
    }

    fn in_force(&self) -> Option<StreamConfig> {
        let streams = self.0.control.config().streams;
        streams.into_iter().find(|stream| stream.id == self.0.stream.id())
    }

    pub fn begin(&self) -> UnderWay {
        self.0.under_way.set(self.0.under_way.get() + 1);
        UnderWay(self.clone())
    }

    pub fn is_under_way(&self) -> bool {
        self.0.under_way.get() > 0
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
            Field::Server(_) | Field::User { .. } | Field::Limit(_) => false,
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
        let problems = self.problems(stream);
        if !problems.is_empty() {
            return Err(ChangeError::Invalid(problems));
        }
        let _under_way = self.begin();
        let edit: Edit = Rc::new(edit);
        if self.is_free(&edit) {
            self.make(vec![edit]).await
        } else if self.0.stream.viewers() == 0 {
            self.apply_with(Some(edit)).await
        } else {
            self.0.waiting.borrow_mut().push(edit);
            if self.shown() == self.in_force() {
                self.0.waiting.take();
            }
            Ok(())
        }
    }

    /// Whether a change can be made by itself, whatever waits.
    fn is_free(&self, edit: &Edit) -> bool {
        let Some(mut stream) = self.in_force() else { return true };
        edit(&mut stream);
        match self.0.control.engine().effect(&stream) {
            // It may take back something that waits.
            Change::None => !self.is_waiting(),
            // It may be right only together with what waits.
            Change::Live => self.problems(stream).is_empty(),
            Change::Restart => false,
        }
    }

    /// Like [`Form::change`], for what cannot stay as it was typed: a failure is said in a toast, and the forms
    /// show what is in force.
    pub fn choose(&self, edit: impl Fn(&mut StreamConfig) + 'static) {
        let (form, under_way) = (self.clone(), self.begin());
        glib::spawn_future_local(async move {
            if let Err(error) = form.change(edit).await {
                form.say_error(&error);
            }
            drop(under_way);
        });
    }

    /// Like [`Form::change`], for what was typed in a row. It stays there where it is not applied.
    pub async fn write(&self, row: &TextRow, edit: impl Fn(&mut StreamConfig) + 'static) {
        let _under_way = self.begin();
        let text = row.row.text();
        match self.change(edit).await {
            Ok(()) => row.follow(&text),
            Err(error @ ChangeError::Invalid(_)) => row.set_problem(Some(&change_error(&error))),
            Err(error @ ChangeError::Save(_)) => self.say_error(&error),
        }
    }

    /// Makes the changes that wait. If that fails, they wait on.
    pub async fn apply(&self) -> Result<(), ChangeError> {
        self.apply_with(None).await
    }

    async fn apply_with(&self, last: Option<Edit>) -> Result<(), ChangeError> {
        let _under_way = self.begin();
        let waited = self.0.waiting.take();
        let applied = self.make(waited.iter().cloned().chain(last).collect()).await;
        if applied.is_err() {
            self.0.waiting.borrow_mut().splice(0..0, waited);
        }
        applied
    }

    async fn make(&self, edits: Vec<Edit>) -> Result<(), ChangeError> {
        let id = self.0.stream.id();
        self.0.control.change_stream(&id, |stream| edits.iter().for_each(|edit| edit(stream))).await
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
