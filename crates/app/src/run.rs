use bellwether_answers::Listener;
use bellwether_capture::Input;
use bellwether_recorder::Recorder;
use bellwether_sensor::{
    Config, Event, EventHandler, LiveInputs, LiveOutcome, Outcome, Progress, Settings, replay, sense,
};

use crate::{Answering, AppError, Deliveries, Desks, Exchange, Stop, service};

/// The parts of a run, ready to start.
pub struct Run {
    /// The sensor's configuration.
    pub sensor: Config,
    recorder: Recorder,
    deliveries: Deliveries,
    answering: Option<Answering>,
}

/// The operator's side of a live run.
pub trait Operator {
    /// Takes an event.
    fn on_event(&mut self, event: Event);

    /// Returns changed settings, if there are any, and exchanges receivers of alerts. The run asks each second.
    fn new_settings(&mut self, exchange: &Exchange<'_>) -> Option<Settings>;
}

impl Run {
    /// Puts the parts together: the writer wakes the deliveries at each commit with new alerts.
    #[must_use]
    pub fn new(sensor: Config, recorder: Recorder, deliveries: Deliveries) -> Self {
        Self {
            sensor,
            recorder: recorder.announcing(deliveries.signal().clone()),
            deliveries,
            answering: None,
        }
    }

    /// Answers questions during the run on a socket. `desks` prepares the recorder.
    ///
    /// # Errors
    /// If the state of earlier runs cannot be read.
    pub fn answering(
        mut self,
        listener: Listener,
        desks: impl FnOnce(&mut Recorder) -> Result<Option<Desks>, AppError>,
    ) -> Result<Self, AppError> {
        self.answering = desks(&mut self.recorder)?.map(|desks| Answering::new(listener, desks));
        Ok(self)
    }

    /// Analyses live inputs until the stop. `tell` gets messages of the delivery, from several threads.
    ///
    /// # Errors
    /// If the sensor or its database fails, or the system gives no thread.
    pub fn sense(
        self,
        inputs: LiveInputs,
        stop: &Stop,
        tell: &(dyn Fn(&str) + Sync),
        operator: &mut dyn Operator,
    ) -> Result<LiveOutcome, AppError> {
        let Self { sensor, recorder, deliveries, answering } = self;
        service::ready();
        let outcome = Answering::beside(answering, || {
            deliveries.beside(tell, |exchange| {
                sense(inputs, &sensor, recorder, stop.flag(), &mut Watched { operator, exchange })
            })
        })??;
        Ok(outcome?)
    }

    /// Analyses complete captures. `tell` gets messages of the delivery, from several threads.
    ///
    /// # Errors
    /// If an input cannot be opened, the database fails, or the system gives no thread.
    pub fn replay(
        self,
        inputs: &[Input],
        tell: &(dyn Fn(&str) + Sync),
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Outcome, AppError> {
        let Self { sensor, recorder, deliveries, .. } = self;
        let outcome = deliveries.beside(tell, |_| replay(inputs, &sensor, recorder, progress))?;
        Ok(outcome?)
    }
}

/// The operator, and the service manager that watches the run.
struct Watched<'a> {
    operator: &'a mut dyn Operator,
    exchange: &'a Exchange<'a>,
}

impl EventHandler for Watched<'_> {
    fn hear(&mut self, event: Event) {
        if matches!(event, Event::Alive) {
            service::alive();
        }
        self.operator.on_event(event);
    }

    fn new_settings(&mut self) -> Option<Settings> {
        self.operator.new_settings(self.exchange)
    }
}
