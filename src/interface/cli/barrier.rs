//! The last resort: a panic becomes a failure, so that the caller still gets one document.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use super::output::hint;

/// How many threads are behind the barrier now; the hook is one for the whole process.
static GUARDED: AtomicUsize = AtomicUsize::new(0);
static HOOK: Once = Once::new();
/// Where the last panic of any thread was; a hook has no other way to hand it over.
static LAST: Mutex<Option<String>> = Mutex::new(None);

thread_local! {
    /// Where the last panic of this thread was.
    static OWN: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work`; a panic in it is shown on standard error and returned as one line.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(
            move |info| {
                if GUARDED.load(Ordering::SeqCst) > 0 { note(info) } else { previous(info) }
            },
        ));
    });
    GUARDED.fetch_add(1, Ordering::SeqCst);
    // What the work left behind is dropped or thrown away with the process.
    let answer = panic::catch_unwind(AssertUnwindSafe(work));
    GUARDED.fetch_sub(1, Ordering::SeqCst);
    answer.map_err(|_| {
        let own = OWN.take();
        let last = own.or_else(|| LAST.lock().unwrap_or_else(PoisonError::into_inner).take());
        last.unwrap_or_else(|| "internal error".to_owned())
    })
}

fn note(info: &PanicHookInfo<'_>) {
    let place = info.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
    let text = format!("internal error{place}: {}", text_of(info.payload()));
    hint(&text);
    OWN.replace(Some(text.clone()));
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
}

fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given")
}
