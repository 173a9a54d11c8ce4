//! The last resort: a panic becomes a failure, so that the caller still gets one document.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Mutex, PoisonError};

use super::output::hint;

/// Where the last panic was; a hook has no other way to hand it over.
static LAST: Mutex<Option<String>> = Mutex::new(None);

/// Runs `work`; a panic in it is shown on standard error and returned as one line.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(note));
    // What the work left behind is dropped or thrown away with the process.
    let answer = panic::catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(previous);
    answer.map_err(|_| {
        let last = LAST.lock().unwrap_or_else(PoisonError::into_inner).take();
        last.unwrap_or_else(|| "internal error".to_owned())
    })
}

fn note(info: &PanicHookInfo<'_>) {
    let place = info.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
    let text = format!("internal error{place}: {}", text_of(info.payload()));
    hint(&text);
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
}

fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given")
}
