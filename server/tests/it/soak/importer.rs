//! Files of events: imported into the running node, into the folder while no node has it open, and once more after that.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::site::{Client, Site, run_on};
use crate::door::Attempt;
use crate::torture::book::Book;
use crate::torture::script::{Event, Random, Tenants};

const EVENTS_MAX: u64 = 600;
/// Why rows of files are no events.
const UNREADABLE: &str = "invalid_attribute";

pub(super) struct Importer {
    book: Book,
    random: Random,
    tenants: Tenants,
    folder: PathBuf,
    files: u64,
    /// A file that is not known to be in, with what says how to read it.
    pending: Option<(PathBuf, Vec<Event>)>,
    /// A file that is in.
    imported: Option<PathBuf>,
}

impl Importer {
    pub(super) fn new(seed: u64, folder: &Path) -> Self {
        let (random, tenants, folder) = (Random::new(seed, 202), Tenants::default(), folder.to_owned());
        Self { book: Book::of("/import"), random, tenants, folder, files: 0, pending: None, imported: None }
    }

    /// One event of each tenant, which makes them known.
    pub(super) fn found(&mut self, data: &Path, tenants: &[String]) {
        let event = |tenant: &String| Event::random(&mut self.random, tenant.clone(), format!("founded-{tenant}"));
        let events = tenants.iter().map(event).collect::<Vec<_>>();
        let file = self.write("ndjson", &events);
        run_on(data, &arguments(&file).iter().map(String::as_str).collect::<Vec<_>>());
        self.book.sent += events.len() as u64;
        self.book.taken.extend(events);
    }

    fn draw(&mut self) -> (PathBuf, Vec<Event>) {
        let count = 1 + self.random.below(EVENTS_MAX);
        let number = self.files;
        let event = |at| {
            let tenant = self.tenants.any_free(&mut self.random);
            Event::random(&mut self.random, tenant, format!("f{number}-{at}"))
        };
        let events = (0..count).map(event).collect::<Vec<_>>();
        let format = if self.random.percent(50) { "csv" } else { "ndjson" };
        (self.write(format, &events), events)
    }

    fn write(&mut self, format: &str, events: &[Event]) -> PathBuf {
        self.files += 1;
        let file = self.folder.join(format!("events-{}.{format}", self.files));
        let mut text = String::new();
        if format == "csv" {
            text.push_str("tenant,id,time,tokens,model,user\n");
        }
        for event in events {
            if format == "csv" {
                let time = jiff::Timestamp::from_microsecond(event.time_us).expect("a time of the soak");
                let Event { tenant, id, tokens, model, user, .. } = event;
                writeln!(text, "{tenant},{id},{time},{tokens},m{model},u{user}").expect("a text grows");
            } else {
                writeln!(text, "{}", event.json(&self.book.source, true)).expect("a text grows");
            }
        }
        std::fs::write(&file, text).expect("the folder takes a file");
        file
    }

    /// Counts rows that are no events, as an import does. Nobody knows whether an order without an answer was carried out, and
    /// sent again it would count again.
    fn refuse(&mut self, site: &Site<'_>) -> Attempt {
        let (tenant, count) = (self.tenants.any_free(&mut self.random), 1 + self.random.below(20));
        let refusal = json!({"tenant": tenant, "reason": UNREADABLE, "field": "time", "count": count});
        let body = json!({"rejections": [refusal]}).to_string();
        let counted = self.book.rejections.entry((tenant, UNREADABLE)).or_default();
        match site.door.send("POST", "/v1/rejections", site.key, "application/json", body.as_bytes()) {
            Ok(answer) if answer.status == 200 => {
                counted.0 += count;
                Attempt::Answered
            }
            Ok(answer) => {
                assert!(matches!(answer.status, 429 | 503), "{}: {}", answer.status, answer.text);
                counted.1 += count;
                Attempt::NotNow
            }
            Err(_) => {
                counted.1 += count;
                Attempt::Gone
            }
        }
    }

    fn is_in(&mut self, file: PathBuf, events: Vec<Event>) {
        self.book.sent += events.len() as u64;
        self.book.taken.extend(events);
        self.imported.replace(file).into_iter().for_each(|before| std::fs::remove_file(before).expect("it is ours"));
    }
}

/// Of the command that imports `file`.
fn arguments(file: &Path) -> Vec<String> {
    let mut arguments = vec!["import".to_owned(), file.display().to_string(), "--format".to_owned()];
    let csv = "csv --tenant-column tenant --id-column id --time-column time --source-name /import --type call";
    let format = if file.extension().is_some_and(|extension| extension == "csv") { csv } else { "cloudevents" };
    arguments.extend(format.split(' ').map(str::to_owned));
    arguments
}

impl Client for Importer {
    fn once(&mut self, site: &Site<'_>) -> Attempt {
        self.tenants = site.known.lock().unwrap().tenants.clone();
        if self.pending.is_none() && self.random.percent(20) {
            return self.refuse(site);
        }
        let again = self.pending.is_none() && self.imported.is_some() && self.random.percent(15);
        let (file, events) = match self.imported.clone().filter(|_| again) {
            Some(file) => (file, Vec::new()),
            None => self.pending.take().unwrap_or_else(|| self.draw()),
        };
        let arguments = arguments(&file);
        let mut arguments = arguments[1..].iter().map(String::as_str).collect::<Vec<_>>();
        arguments.extend(["--wait-max-s", "10"]);
        let output = site.command("import", &arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            assert!(told.contains(" 0 rejected"), "{told}");
            if again {
                assert!(told.contains(": 0 admitted"), "what was imported counted again: {told}");
            } else {
                self.is_in(file, events);
            }
            return Attempt::Answered;
        }
        if !again {
            self.pending = Some((file, events));
        }
        if site.watch.is_released() {
            return Attempt::Gone;
        }
        // A node that is busy may not even say since when it knows ids, and older events are not imported unasked.
        assert!(["in time", "can't be told"].iter().any(|words| told.contains(words)), "{arguments:?}: {told}");
        Attempt::NotNow
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(500 + self.random.below(1500))
    }

    fn settle(&mut self, site: &Site<'_>) {
        site.door.until_done(|| self.pending.is_none() || self.once(site) == Attempt::Answered);
    }

    fn between(&mut self, data: &Path) {
        if let Some((file, events)) = self.pending.take() {
            run_on(data, &arguments(&file).iter().map(String::as_str).collect::<Vec<_>>());
            self.is_in(file, events);
        }
    }

    fn book(&self) -> Option<&Book> {
        Some(&self.book)
    }
}
