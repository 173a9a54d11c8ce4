//! The emulator as a program: says where it listens in one line of JSON, and serves until its standard input is closed.

use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use hostfactory_emulator::{Emulator, Settings};

const HELP: &str = "\
An EC2 endpoint on 127.0.0.1 for tests of hostfactory. It bills nothing, and starts nothing.

usage: hostfactory-emulator [--port N] [--boot SECONDS] [--shutdown SECONDS] [--throttle] [--any-image]

  --port N            listens there; without it, on a free port
  --boot SECONDS      from launch to running (1)
  --shutdown SECONDS  from terminate to terminated (1)
  --throttle          applies AWS's rate limits
  --any-image         takes every image id

Prints one line of JSON: the endpoint, and the image, subnets and other names that exist. Serves until its standard input
is closed, or, at a terminal, until it is killed. GET /_emulator/truth shows every instance; see README.md for the rest.
";

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "hostfactory-emulator: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let mut settings = Settings::default();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value; see --help"));
        match argument.as_str() {
            "--help" | "-h" => return say(HELP),
            "--port" => settings.port = value()?.parse().map_err(|error| format!("--port: {error}"))?,
            "--boot" => settings.boot = seconds(&value()?)?,
            "--shutdown" => settings.shutdown = seconds(&value()?)?,
            "--throttle" => settings.throttling = true,
            "--any-image" => settings.any_image = true,
            other => return Err(format!("'{other}' is not understood; see --help")),
        }
    }
    let port = settings.port;
    let emulator = Emulator::with(settings).map_err(|error| format!("cannot listen on 127.0.0.1:{port}: {error}"))?;
    say(&format!("{}\n", emulator.about()))?;
    let mut input = std::io::stdin();
    if input.is_terminal() {
        loop {
            std::thread::park();
        }
    }
    let mut buffer = [0; 4096];
    while input.read(&mut buffer).is_ok_and(|count| count > 0) {}
    Ok(())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|error| format!("'{text}' seconds: {error}"))?;
    Duration::try_from_secs_f64(number).map_err(|error| format!("'{text}' seconds: {error}"))
}

fn say(text: &str) -> Result<(), String> {
    let mut output = std::io::stdout();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(|error| format!("standard output: {error}"))
}
