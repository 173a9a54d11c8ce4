//! The handle of a test.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::actions::user_initiated;
use crate::catalogue::{IMAGES, KEY_PAIR, LAUNCH_TEMPLATE, REGION, SECURITY_GROUP};
use crate::clock::Millis;
use crate::edits::{Edit, Which, apply};
use crate::faults::{Fault, Phase};
use crate::hold::{Decision, Waiting};
use crate::instances::Market;
use crate::reservations::{Reservation, ReservationKind};
use crate::server::{self, Shared};
use crate::truth::Truth;
use crate::world::{CallRecord, Settings, World};

/// A running emulator. It stops when it is dropped.
#[derive(Debug)]
pub struct Emulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Emulator {
    /// Starts an emulator on a free port.
    ///
    /// # Errors
    /// When there is no port or thread to be had.
    pub fn start() -> io::Result<Self> {
        Self::with(Settings::default())
    }

    /// Starts an emulator with these settings.
    ///
    /// # Errors
    /// When the port is taken, or there is no thread to be had.
    pub fn with(settings: Settings) -> io::Result<Self> {
        let port = settings.port;
        let shared = Arc::new(Shared::new(World::new(settings)));
        let (address, thread) = server::start(&shared, port)?;
        Ok(Self { shared, address, thread: Some(thread) })
    }

    /// Returns the endpoint's URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns what there is, as the program prints it when it starts.
    pub fn about(&self) -> Value {
        let world = self.shared.world();
        let subnets: Vec<&str> = world.catalogue.subnets.iter().map(|subnet| subnet.id.as_str()).collect();
        json!({
            "endpoint": self.endpoint(), "region": REGION, "account": world.account, "image": IMAGES[0],
            "subnets": subnets, "securityGroup": SECURITY_GROUP, "keyPair": KEY_PAIR, "launchTemplate": LAUNCH_TEMPLATE,
        })
    }

    /// Adds a fault. Of several that would take a call, the first wins.
    pub fn fault(&self, fault: Fault) {
        self.shared.world().faults.0.push(fault);
    }

    /// Takes every fault back.
    pub fn clear_faults(&self) {
        self.shared.world().faults.0.clear();
    }

    /// Returns the faults that are still to come.
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.world().faults.0.clone()
    }

    /// Changes the world.
    ///
    /// # Errors
    /// What the edit is about is not there; the text says what.
    pub fn edit(&self, edit: Edit) -> Result<(), String> {
        apply(&mut self.shared.world(), edit)
    }

    /// Moves the clock on.
    pub fn clock_advance(&self, by: Duration) {
        let mut world = self.shared.world();
        world.settle();
        world.clock.advance(by);
        world.settle();
    }

    /// Returns the time on the emulator's clock.
    pub fn now(&self) -> Millis {
        self.shared.world().now()
    }

    /// Returns every instance ever.
    pub fn truth(&self) -> Truth {
        let mut world = self.shared.world();
        world.settle();
        Truth::of(&world)
    }

    /// Returns every call.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.shared.world().calls.clone()
    }

    /// Returns the calls of one action.
    pub fn calls_of(&self, action: &str) -> Vec<CallRecord> {
        self.shared.world().calls.iter().filter(|call| call.action == action).cloned().collect()
    }

    /// Returns the actions of every call.
    pub fn actions(&self) -> Vec<String> {
        self.shared.world().calls.iter().map(|call| call.action.clone()).collect()
    }

    /// Returns how many instances listings have looked at so far: a measure of work that is not time.
    pub fn examined(&self) -> u64 {
        self.shared.world().examined
    }

    /// Waits until a call is held by [`Fault::hold`], each call once.
    ///
    /// # Errors
    /// No call is held within `patience`.
    pub fn wait_held(&self, patience: Duration) -> io::Result<Held> {
        let waiting = self.shared.desk.next(patience).ok_or_else(|| {
            let text = format!("no call was held within {} ms; these came: {:?}", patience.as_millis(), self.actions());
            io::Error::new(io::ErrorKind::TimedOut, text)
        })?;
        Ok(Held { shared: Arc::clone(&self.shared), waiting, decided: false })
    }
}

/// The edits that tests need most, in a word.
impl Emulator {
    /// So many places are left for this type, in this zone, on this market; `*` and `None` are any.
    pub fn pool(&self, instance_type: &str, zone: &str, market: impl Into<Option<Market>>, places: u32) {
        let (instance_type, zone) = (instance_type.to_owned(), zone.to_owned());
        self.sure(Edit::Pool { instance_type, zone, market: market.into(), places });
    }

    /// So many virtual CPUs may run on this market, of this family.
    pub fn quota(&self, market: Market, family: &str, vcpus: u32) {
        self.sure(Edit::Quota { market, family: family.to_owned(), vcpus });
    }

    /// A capacity reservation of this id has so many places left for this type in this zone.
    pub fn reservation(&self, id: &str, instance_type: &str, zone: &str, kind: ReservationKind, places: u32) {
        let (id, instance_type, zone) = (id.to_owned(), instance_type.to_owned(), zone.to_owned());
        self.sure(Edit::Reservation(Reservation { id, instance_type, zone, kind, group: None, left: places }));
    }

    /// So many addresses are left in this subnet.
    ///
    /// # Errors
    /// There is no such subnet.
    pub fn subnet_free(&self, subnet: &str, addresses: u32) -> Result<(), String> {
        self.edit(Edit::SubnetFree { subnet: subnet.to_owned(), addresses })
    }

    /// From launch until describe calls show an instance.
    pub fn lag(&self, time: Duration) {
        self.sure(Edit::Lag { seconds: time.as_secs_f64() });
    }

    /// From launch until describe calls show its tags.
    pub fn tag_lag(&self, time: Duration) {
        self.sure(Edit::TagLag { seconds: time.as_secs_f64() });
    }

    /// From launch to `running`, for later launches.
    pub fn boot(&self, time: Duration) {
        self.sure(Edit::Boot { seconds: time.as_secs_f64() });
    }

    /// Ends instances at once, as if AWS had.
    ///
    /// # Errors
    /// There is no such instance.
    pub fn kill(&self, which: impl Into<Which>, code: &str, message: &str) -> Result<(), String> {
        self.edit(Edit::Kill { which: which.into(), code: code.to_owned(), message: message.to_owned() })
    }

    /// Ends instances at once, as if a user had by hand.
    ///
    /// # Errors
    /// There is no such instance.
    pub fn kill_by_hand(&self, which: impl Into<Which>) -> Result<(), String> {
        let (code, message) = user_initiated();
        self.kill(which, code, message)
    }

    /// Stops an instance, as if a user had.
    ///
    /// # Errors
    /// There is no such instance.
    pub fn stop(&self, instance: &str) -> Result<(), String> {
        self.edit(Edit::Stop { instance: instance.to_owned() })
    }

    /// Sets the status code of the spot request of an instance: `marked-for-termination` …
    ///
    /// # Errors
    /// There is no such instance.
    pub fn mark_spot(&self, instance: &str, code: &str) -> Result<(), String> {
        self.edit(Edit::MarkSpot { instance: instance.to_owned(), code: code.to_owned() })
    }

    /// Launches an instance as somebody else would, with these tags, and returns its id.
    ///
    /// # Errors
    /// Never.
    pub fn stranger(&self, tags: &[(&str, &str)]) -> Result<String, String> {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.edit(Edit::Stranger { tags })?;
        self.truth().ids().pop().ok_or_else(|| "nothing was launched".to_owned())
    }

    /// Turns termination protection on.
    ///
    /// # Errors
    /// There is no such instance.
    pub fn protect(&self, instance: &str) -> Result<(), String> {
        self.edit(Edit::Protect { instance: instance.to_owned(), on: true })
    }

    /// Makes an instance unknown to every call; it lives on in the truth.
    ///
    /// # Errors
    /// There is no such instance.
    pub fn vanish(&self, instance: &str) -> Result<(), String> {
        self.edit(Edit::Vanish { instance: instance.to_owned(), on: true })
    }

    /// Gives later launches the addresses of ended hosts first.
    pub fn reuse_addresses(&self) {
        self.sure(Edit::ReuseAddresses { on: true });
    }

    /// Removes an image.
    pub fn image_gone(&self, id: &str) {
        self.sure(Edit::Image { id: id.to_owned(), exists: false });
    }

    /// Makes calls with this access key expired, or valid again.
    pub fn expire_credentials(&self, access_key: &str, on: bool) {
        self.sure(Edit::ExpireCredentials { access_key: access_key.to_owned(), on });
    }

    /// Makes the service's clock so many seconds ahead of the host's, and signatures expire.
    pub fn skew(&self, seconds: i64) {
        self.sure(Edit::Skew { seconds: Some(seconds) });
    }

    /// Makes the calls those of another account.
    pub fn account(&self, id: &str) {
        self.sure(Edit::Account { id: id.to_owned() });
    }

    /// Refuses an action, or allows it again.
    pub fn unauthorized(&self, action: &str, on: bool) {
        self.sure(Edit::Unauthorized { action: action.to_owned(), on });
    }

    /// Carries out an edit that cannot fail.
    pub(crate) fn sure(&self, edit: Edit) {
        let _ = self.edit(edit);
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.shared.stop(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A call that waits for the test. Dropped undecided, it is as with [`Held::drop_connection`].
#[derive(Debug)]
#[must_use = "dropped, it ends the connection of the call"]
pub struct Held {
    shared: Arc<Shared>,
    waiting: Waiting,
    decided: bool,
}

impl Held {
    /// Returns the number of the call.
    pub const fn call(&self) -> u64 {
        self.waiting.call
    }

    /// Returns the action.
    pub fn action(&self) -> &str {
        &self.waiting.action
    }

    /// Returns on which side of its effect the call is.
    pub const fn phase(&self) -> Phase {
        self.waiting.phase
    }

    /// Lets the call go on and be answered.
    pub fn release(self) {
        self.decide(Decision::Release);
    }

    /// Ends the connection. Held before its effect, the call has none.
    pub fn drop_connection(self) {
        self.decide(Decision::Drop);
    }

    /// Refuses the call with this code. Held before its effect, it has none.
    pub fn refuse(self, code: &str) {
        self.decide(Decision::Refuse(code.to_owned()));
    }

    fn decide(mut self, decision: Decision) {
        self.decided = true;
        self.shared.desk.decide(self.waiting.call, decision);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.decided {
            self.shared.desk.decide(self.waiting.call, Decision::Drop);
        }
    }
}
