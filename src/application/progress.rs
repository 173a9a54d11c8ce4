//! How far long work has come, for whoever listens.
//!
//! Invariant: work is the same whether anybody listens or not.

use std::sync::Arc;

/// Hears what is being done: "writing 3 requests".
pub type Listener = Arc<dyn Fn(&str) + Send + Sync>;

tokio::task_local! {
    static LISTENER: Listener;
}

/// Does `work`, in which [`tell`] is heard by `listener`.
pub async fn heard<T>(listener: Listener, work: impl Future<Output = T>) -> T {
    LISTENER.scope(listener, work).await
}

/// Tells what is being done from here on. The text is made only if somebody listens.
pub fn tell(text: impl FnOnce() -> String) {
    // Nobody listens where there is no listener.
    let _ = LISTENER.try_with(|listener| listener(&text()));
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn what_is_told_is_heard_by_the_listener_of_the_work_alone() {
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&told);
        tell(|| unreachable!("nobody listens"));
        let listener: Listener = Arc::new(move |text| log.lock().unwrap().push(text.to_owned()));
        let answer = heard(listener, async {
            tell(|| "reading".to_owned());
            7
        });
        assert_eq!((answer.await, told.lock().unwrap().clone()), (7, vec!["reading".to_owned()]));
        tell(|| unreachable!("nobody listens any more"));
    }
}
