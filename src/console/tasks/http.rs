//! Handlers of background work.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::console::http::{see_other, shown};
use crate::console::layout::{Area, Badge, Frame, moment, span};
use crate::console::session::http::{Act, SignedIn};
use crate::error::{Error, Result};
use crate::http::in_background;
use crate::tasks::{TASKS, Task};

struct Row {
    name: &'static str,
    every: String,
    last: String,
    seconds: String,
    badge: Badge,
    report: String,
}

#[derive(Template)]
#[template(path = "console/tasks/list.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
}

/// `GET /console/tasks`: the last pass of each, in this replica.
pub async fn list(app: web::Data<App>, by: SignedIn, request: HttpRequest) -> Result<HttpResponse> {
    let board = app.board.read();
    let row = |task: &Task| {
        let last = board.get(task.name);
        let state = match last {
            None => "no pass yet",
            Some(last) if last.failed => "failed",
            Some(_) => "done",
        };
        Row {
            name: task.name,
            every: span(task.every.as_secs()),
            last: last.map_or_else(|| "–".to_owned(), |last| moment(&last.at)),
            seconds: last.map_or_else(|| "–".to_owned(), |last| format!("{:.3} s", last.seconds)),
            badge: Badge::of(state),
            report: last
                .and_then(|last| last.report.as_ref())
                .map_or_else(|| "–".to_owned(), ToString::to_string),
        }
    };
    let frame = Frame::new(&by.0.who(), Area::Tasks, "Background tasks");
    shown(&ListPage {
        frame: frame.after(request.query_string()),
        rows: TASKS.iter().map(row).collect(),
    })
}

/// `POST /console/tasks/{task}/run`: a pass now.
pub async fn run(app: web::Data<App>, sent: Act, request: HttpRequest) -> Result<HttpResponse> {
    let name = request.match_info().get("task").unwrap_or_default();
    let task = Task::named(name).ok_or(Error::NotFound)?;
    let actor = sent.by.actor();
    let passed = in_background(
        &app,
        move |app| async move { task.pass_now(&app, &actor).await },
    );
    let done = match passed.await? {
        Some(pass) if pass.failed => "task-failed",
        Some(_) => "task-run",
        None => "task-busy",
    };
    Ok(see_other(&format!("/console/tasks?done={done}")))
}
