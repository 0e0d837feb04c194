//! Why a schedule is never due: which of its fields leaves nothing.

use jiff::Timestamp;

use super::reading::ScheduleProblem;
use super::rules::{Kind, Rules};
use super::times::{CronTimes, Dst, Gap};

impl Rules {
    /// Refuses rules that are never due after this moment, of a schedule that was made at `anchor`: told of the field that leaves nothing.
    pub fn check_fires(&self, anchor: Timestamp, after: Timestamp) -> Result<(), ScheduleProblem> {
        let first_of = |rules: &Self| rules.timetable(anchor).ok()?.next(after);
        if first_of(self).is_some() {
            return Ok(());
        }
        let within = Self {
            exclude: Vec::new(),
            ..self.clone()
        };
        let from_start = Self {
            end_at: None,
            ..within.clone()
        };
        let at_all = Self {
            start_at: None,
            ..from_start.clone()
        };
        // Bound by bound: the first one that leaves nothing is the cause.
        let (field, why) = if first_of(&at_all).is_none() {
            self.without_bounds(after)
        } else if let Some(first) = first_of(&from_start) {
            match (self.end_at, first_of(&within)) {
                (Some(end), None) => ("end_at", too_early(end, first, after)),
                (_, first) => ("exclude", self.excluded(first)),
            }
        } else {
            ("start_at", self.too_late())
        };
        Err(ScheduleProblem {
            field: field.to_owned(),
            code: "never_fires",
            message: format!("it is never due: {why}"),
        })
    }

    /// Why nothing comes of the times themselves.
    fn without_bounds(&self, after: Timestamp) -> (&'static str, String) {
        match &self.kind {
            Kind::Once { at } => (
                "at",
                format!("`at` is {at}, and that has passed; nothing is due up to {after:.0}"),
            ),
            Kind::Interval { .. } => ("every", "its first time is later than any that can be told".to_owned()),
            Kind::Cron { cron, dst } => self.no_time_of_pattern(cron, *dst, after),
        }
    }

    fn no_time_of_pattern(&self, cron: &str, dst: Dst, after: Timestamp) -> (&'static str, String) {
        let next = |dst, after| CronTimes::parse(cron, &self.timezone, dst).ok()?.next(after);
        let shifted = Dst { gap: Gap::Shift, ..dst };
        if next(shifted, after).is_some() {
            let why = "each time that is left of the pattern is one that the clocks leave out, and `skip` skips those; use `shift`";
            ("dst.gap", why.to_owned())
        } else if next(shifted, Timestamp::MIN).is_some() {
            let why = format!("the last time of this pattern has passed; none comes after {after:.0}");
            ("cron", why)
        } else {
            let why = "no time fits this pattern, because no day has all that it asks for, such as a 30th of February";
            ("cron", why.to_owned())
        }
    }

    fn too_late(&self) -> String {
        let start = self.start_at.unwrap_or_default();
        match &self.kind {
            Kind::Once { at } => format!("`at` is {at}, and nothing is due before `start_at`, which is {start}"),
            Kind::Cron { .. } | Kind::Interval { .. } => {
                format!("its last time is before `start_at`, which is {start}")
            }
        }
    }

    /// Of rules whose first time would be `first`, were it not for the excluded days.
    fn excluded(&self, first: Option<Timestamp>) -> String {
        match (&self.kind, first) {
            (Kind::Once { at }, _) => format!("{at} is on a day that `exclude` names"),
            (_, Some(first)) if self.end_at.is_some() => {
                format!("all its times from {first} until `end_at` are on days that `exclude` names")
            }
            (Kind::Cron { .. } | Kind::Interval { .. }, _) => {
                "all its times are on days that `exclude` names".to_owned()
            }
        }
    }
}

/// Of rules whose first time comes when nothing is due any more.
fn too_early(end: Timestamp, first: Timestamp, after: Timestamp) -> String {
    if end <= after {
        format!("`end_at` is {end}, and that has passed; nothing is due from then on")
    } else {
        format!("`end_at` is {end}, and its first time is {first}; nothing is due from `end_at` on")
    }
}
