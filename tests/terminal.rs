//! What a person sees who sits at a terminal of 80 columns: questions, tables, colours, progress, Ctrl-C.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};
use serde_json::{Value, json};

use crate::support::{Answered, Sandbox};

const COLUMNS: usize = 80;
/// The longest that anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// A program on a terminal.
struct Terminal {
    child: Child,
    keys: Pty,
    pieces: Receiver<Vec<u8>>,
    shown: String,
}

impl Terminal {
    /// Starts the program with these words on a terminal of 80 columns, in the sandbox, with `more` in its environment.
    fn start(sandbox: &Sandbox, line: &str, more: &[(&str, &str)]) -> Self {
        let (keys, other_end) = open().unwrap();
        keys.resize(Size::new(24, u16::try_from(COLUMNS).unwrap())).unwrap();
        let template = sandbox.program();
        let mut command =
            Command::new(template.get_program()).env_clear().current_dir(template.get_current_dir().unwrap());
        for (name, value) in template.get_envs() {
            command = command.env(name, value.unwrap());
        }
        command = command.env("TERM", "xterm-256color").args(line.split_whitespace());
        for (name, value) in more {
            command = command.env(name, value);
        }
        let child = command.spawn(other_end).unwrap();
        let (sender, pieces) = channel();
        let mut screen = std::fs::File::from(std::os::fd::AsFd::as_fd(&keys).try_clone_to_owned().unwrap());
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            // A terminal that nobody holds any more answers with an error.
            while let Ok(length @ 1..) = screen.read(&mut piece) {
                if sender.send(piece[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keys, pieces, shown: String::new() }
    }

    /// Waits until the terminal has shown `text`.
    fn shows(&mut self, text: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.shown.contains(text) {
            let left = until.saturating_duration_since(Instant::now());
            let piece = self.pieces.recv_timeout(left);
            let piece = piece.unwrap_or_else(|_| panic!("{text:?} does not show: {:?}", self.shown));
            self.shown.push_str(&String::from_utf8_lossy(&piece));
        }
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for the end of the program and returns its exit code and everything that was shown.
    fn ends(mut self) -> (i32, String) {
        let until = Instant::now() + PATIENCE;
        let mut has_ended = false;
        loop {
            match self.pieces.recv_timeout(Duration::from_millis(50)) {
                Ok(piece) => self.shown.push_str(&String::from_utf8_lossy(&piece)),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                // What was shown last may still be on its way when the program has ended.
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) if has_ended => break,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    has_ended = self.child.try_wait().unwrap().is_some();
                    assert!(Instant::now() < until, "the program does not end: {:?}", self.shown);
                }
            }
        }
        (self.child.wait().unwrap().code().unwrap(), self.shown)
    }
}

/// What is left of a text without the sequences that colour it, clear the screen or move the cursor.
fn bare(shown: &str) -> String {
    let mut text = String::new();
    let mut letters = shown.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            assert_eq!(letters.next(), Some('['), "a sequence that nobody knows in {shown:?}");
            letters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            text.push(letter);
        }
    }
    text
}

/// Checks that nothing is wider than the terminal, and that the cursor is left at the beginning of a line, in no colour.
fn check(line: &str, shown: &str) {
    let text = bare(shown);
    for one in text.split(['\n', '\r']) {
        assert!(one.chars().count() <= COLUMNS, "{line}: {} columns: {one}", one.chars().count());
    }
    assert!(text.is_empty() || text.ends_with('\n') || shown.ends_with("\u{1b}[K"), "{line}: {shown:?}");
    let last_colour =
        shown.rmatch_indices("\u{1b}[").find_map(|(at, _)| shown[at..].find('m').map(|end| &shown[at + 2..at + end]));
    assert!(last_colour.is_none_or(|colour| colour == "0" || !colour.bytes().all(|b| b.is_ascii_digit())), "{shown:?}");
    assert!(!shown.contains("\u{1b}[?"), "the cursor stays and so does the screen: {shown:?}");
}

/// Runs a line to its end, checks what it shows and returns it.
fn seen(sandbox: &Sandbox, line: &str, code: i32) -> String {
    let (ended, shown) = Terminal::start(sandbox, line, &[]).ends();
    assert_eq!(ended, code, "{line}: {shown}");
    check(line, &shown);
    shown
}

#[test]
fn an_empty_folder_has_a_running_host_after_three_commands_and_two_answers() {
    let sandbox = Sandbox::new();
    let mut init = Terminal::start(&sandbox, "init try", &[]);
    init.shows("aws or simulated");
    init.types("simulated\n");
    let (code, shown) = init.ends();
    assert_eq!(code, 0, "{shown}");
    check("init", &shown);
    // What it says is to be done next is done as it says it.
    let next: Vec<String> =
        shown.split("Next:").nth(1).unwrap().replace("\\\r\n", " ").lines().map(str::to_owned).collect();
    let commands: Vec<&String> = next.iter().filter(|line| line.contains("hostfactory")).collect();
    assert_eq!(commands.len(), 2, "{next:?}");
    let mut order = String::new();
    for command in commands {
        let words = command.trim().strip_prefix("hostfactory ").unwrap().replace(['\'', '\r'], "");
        // The path of the sandbox has a space, which the words of a shell would not end at.
        let here = sandbox.path("try").display().to_string();
        let line = format!("{} --set provider.simulated.bootSeconds=0", words.replace(&here, "try"));
        order = seen(&sandbox, &line, 0);
    }
    assert!(order.contains("running") && order.contains("complete"), "{order}");
}

#[test]
fn no_help_text_is_wider_than_the_terminal() {
    let sandbox = Sandbox::new();
    let reference = Answered::of(&sandbox.program().args(["version"]).output().unwrap());
    assert_eq!(reference.code, 0);
    let page = String::from_utf8(sandbox.program().arg("reference").output().unwrap().stdout).unwrap();
    let commands: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("## hostfactory")).map(str::trim).collect();
    assert!(commands.len() > 40, "{commands:?}");
    for command in commands {
        for help in ["-h", "--help"] {
            let shown = seen(&sandbox, &format!("{command} {help}"), 0);
            assert!(shown.contains("\u{1b}["), "help has its colours on a terminal");
        }
    }
}

#[test]
fn tables_and_messages_fit_and_have_colours_where_they_are_welcome() {
    let sandbox = Sandbox::simulated();
    let ordered = seen(&sandbox, "machines request Simulated-1 -n 2 --wait --interval 1s", 0);
    let id = bare(&ordered).split_whitespace().find(|word| word.starts_with("req-")).unwrap().to_owned();
    let listed = Answered::of(&sandbox.program().args(["machines", "list"]).output().unwrap()).document;
    let host = listed["machines"][0]["machineId"].as_str().unwrap().to_owned();
    sandbox.write("new.json", json!({"templates": [{"templateId": "B", "maxNumber": "many"}]}).to_string());
    for (line, code) in [
        ("requests list", 0),
        ("requests show ID", 0),
        ("requests status ID", 0),
        ("machines list", 0),
        ("machines show HOST", 0),
        ("machines console HOST", 0),
        ("machines request Simulated-1 --dry-run", 0),
        ("machines request Simulated-2 --dry-run", 1),
        ("events list", 0),
        ("templates list", 0),
        ("templates show Simulated-1", 0),
        ("templates validate new.json", 1),
        ("templates explain Simulated-1", 0),
        ("templates update Simulated-1 --set maxNumber=20 --dry-run", 0),
        ("templates update Simulated-1 --set maxNumbr=20", 1),
        ("templates delete Simulated-2 --yes", 1),
        ("templates create new.json", 1),
        ("templates refresh", 0),
        ("resources list", 0),
        ("providers list", 0),
        ("providers health", 0),
        ("config show", 0),
        ("config show --origin", 0),
        ("config set storage.stratgy sqlite", 1),
        ("config validate", 0),
        ("storage info", 0),
        ("storage check", 0),
        ("storage recover", 1),
        ("storage purge --older-than 1 --yes", 0),
        ("storage export --file out.json", 0),
        ("storage migrate --to sqlite", i32::from(!cfg!(feature = "sqlite"))),
        ("storage migrate --to json", 0),
        ("reconcile", 0),
        ("doctor --offline", 0),
        ("version", 0),
        ("requests lits", 2),
        ("machines list --sort nam", 2),
        ("requests show nonsense", 2),
    ] {
        let shown = seen(&sandbox, &line.replace("ID", &id).replace("HOST", &host), code);
        assert!(!bare(&shown).trim().is_empty(), "{line}");
    }
    let coloured = seen(&sandbox, "machines list", 0);
    assert!(coloured.contains("\u{1b}[32mrunning\u{1b}[0m"), "{coloured:?}");
    for variable in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let (_, plain) = Terminal::start(&sandbox, "machines list", &[variable]).ends();
        assert!(plain.contains("running") && !plain.contains('\u{1b}'), "{variable:?}: {plain:?}");
    }
    let piped = sandbox.program().args(["machines", "list", "-o", "table"]).stderr(Stdio::null()).output().unwrap();
    assert!(!piped.stdout.contains(&0x1b), "{piped:?}");
}

#[test]
fn what_is_watched_ends_with_ctrl_c_and_the_terminal_is_left_in_order() {
    let sandbox = Sandbox::simulated();
    sandbox.write(
        "conf/config.json",
        json!({"provider": {"type": "simulated", "simulated": {"bootSeconds": 3600}}}).to_string(),
    );
    let id = Answered::of(&sandbox.program().args(["machines", "request", "Simulated-1"]).output().unwrap()).document;
    let id = id["requestId"].as_str().unwrap();
    for (line, text) in [
        (format!("requests watch {id}"), "RequestCreated"),
        ("requests list --watch".to_owned(), id),
        ("machines list --watch".to_owned(), "pending"),
        ("events tail --follow".to_owned(), "MachineCreated"),
        (format!("requests status {id} --wait"), "known hosts are there"),
    ] {
        let mut watching = Terminal::start(&sandbox, &line, &[]);
        watching.shows(text);
        watching.types("\u{3}");
        let (code, shown) = watching.ends();
        assert_eq!(code, 130, "{line}: {shown:?}");
        // The terminal itself shows what was pressed.
        check(&line, &shown.replace("^C", ""));
    }
}

#[test]
fn what_cannot_be_taken_back_is_asked_about_and_no_is_the_answer_to_anything_but_yes() {
    let sandbox = Sandbox::simulated();
    let ordered =
        Answered::of(&sandbox.program().args(["machines", "request", "Simulated-1", "--wait"]).output().unwrap());
    let id = ordered.document["requests"][0]["requestId"].as_str().unwrap().to_owned();
    let more = json!({"templateId": "More", "maxNumber": 1, "attributes":
        {"type": ["String", "X86_64"], "ncpus": ["Numeric", "1"], "nram": ["Numeric", "1"]}});
    sandbox.write("more.json", more.to_string());
    seen(&sandbox, "templates create more.json", 0);
    let file = std::fs::read(sandbox.path("conf/testinstprov_templates.json")).unwrap();
    for line in [&format!("machines return --all-of {id}"), "storage purge", "templates delete Simulated-1"] {
        for answer in ["n\n", "\n", "yep\n", "\u{4}"] {
            let mut asking = Terminal::start(&sandbox, line, &[]);
            asking.shows("[y/N]");
            asking.types(answer);
            let (code, shown) = asking.ends();
            assert_eq!(code, 1, "{line}: {shown}");
            assert!(shown.contains("nothing was done"), "{line}: {shown}");
            check(line, &shown);
        }
    }
    assert_eq!(std::fs::read(sandbox.path("conf/testinstprov_templates.json")).unwrap(), file);
    let held = Answered::of(&sandbox.program().args(["machines", "list", "--held"]).output().unwrap()).document;
    assert_eq!(held["machines"].as_array().unwrap().len(), 1);
    let mut asking = Terminal::start(&sandbox, "templates delete Simulated-1", &[]);
    asking.shows("[y/N]");
    asking.types("y\n");
    let (code, shown) = asking.ends();
    assert!(code == 0 && bare(&shown).contains("1 host of it go on"), "{shown}");
    let back = seen(&sandbox, &format!("machines return --all-of {id} --wait --interval 1s --yes"), 0);
    assert!(back.contains("complete"), "{back}");
}

#[test]
fn long_work_shows_how_far_it_is_on_a_terminal_and_nowhere_else() {
    let sandbox = Sandbox::simulated();
    seen(&sandbox, "machines request Simulated-1 -n 3 --wait --interval 1s", 0);
    if cfg!(feature = "sqlite") {
        let shown = seen(&sandbox, "storage migrate --to sqlite", 0);
        for phase in ["reading the json store", "writing 1 requests, 3 hosts and ", "reading the sqlite store back"] {
            assert!(shown.contains(phase), "{phase}: {shown:?}");
        }
        let piped = sandbox.program().args(["storage", "migrate", "--to", "json"]).output().unwrap();
        assert!(serde_json::from_slice::<Value>(&piped.stdout).is_ok() && piped.stderr.is_empty(), "{piped:?}");
    }
    let exported = seen(&sandbox, "storage export --file out.json", 0);
    assert!(exported.contains("writing 1 requests and 3 hosts to out.json"), "{exported:?}");
    let imported = seen(&sandbox, "storage import out.json", 0);
    assert!(imported.contains("reading out.json") && imported.contains("into the json store"), "{imported:?}");
    assert!(Path::new(&sandbox.path("out.json")).exists());
}
