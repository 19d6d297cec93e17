/// Limit of points per segment: an hour of refreshes at the period forced by border controllers. At the
/// limit, every second point is dropped.
const MAX_POINTS: usize = 160;

/// Points per allocation: points arrive one by one over hours.
const ROOM: usize = 8;

/// Packed value of an unknown wait.
const UNKNOWN: i32 = -0x80_0000;

/// One refresh, for estimators that use single points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Seconds since the segment's first refresh.
    pub x_s: f64,
    /// Nominal minus observed time, in seconds.
    pub y_s: f64,
    /// Excess over the period of the time since the previous refresh's answer, in seconds. None if the answer
    /// was not captured, or a refresh was missed.
    pub wait_s: Option<f64>,
}

/// The refreshes of a segment, evenly thinned if there are many: 9 octets each, because a provider has very
/// many.
///
/// A point is its number of periods since the first (16 bits), its offset in microseconds (32 bits) and its
/// wait in microseconds (24 bits). Its time follows from the period. Values out of range are not kept:
/// refreshes after 65,535 periods, and waits that are 8 seconds off, which no restart timer has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Points(Vec<[u8; Self::PACKED]>);

impl Points {
    /// Octets of a point.
    const PACKED: usize = 9;

    /// Adds a point `periods` after the first refresh. Returns true if the points were thinned.
    pub(crate) fn push(&mut self, periods: i64, offset_ns: i64, wait_ns: Option<i64>) -> bool {
        let (Ok(periods), Ok(offset)) = (u16::try_from(periods), i32::try_from(offset_ns / 1000)) else {
            return false;
        };
        let wait = wait_ns.and_then(|ns| i32::try_from(ns / 1000).ok());
        let wait = wait.filter(|us| (UNKNOWN + 1..-UNKNOWN).contains(us)).unwrap_or(UNKNOWN);
        let thinned = self.0.len() == MAX_POINTS;
        if thinned {
            let mut is_kept = false;
            self.0.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
        }
        if self.0.len() == self.0.capacity() {
            self.0.reserve_exact(ROOM);
        }
        let ([a, b], [c, d, e, f], [g, h, i, _]) =
            (periods.to_le_bytes(), offset.to_le_bytes(), wait.to_le_bytes());
        self.0.push([a, b, c, d, e, f, g, h, i]);
        thinned
    }

    /// The points, for refreshes of this period.
    pub(crate) fn iter(&self, period_s: f64) -> impl Iterator<Item = Point> + '_ {
        self.0.iter().map(move |[a, b, c, d, e, f, g, h, i]| {
            let y_s = f64::from(i32::from_le_bytes([*c, *d, *e, *f])) / 1e6;
            // The sign is in the highest of three octets, so the value is shifted up and back down.
            let wait = i32::from_le_bytes([0, *g, *h, *i]) >> 8;
            Point {
                x_s: f64::from(u16::from_le_bytes([*a, *b])) * period_s - y_s,
                y_s,
                wait_s: (wait != UNKNOWN).then(|| f64::from(wait) / 1e6),
            }
        })
    }

    /// The same refreshes for a period that is longer by `longer_s`.
    pub(crate) fn on_period(&self, longer_s: f64) -> Self {
        let mut out = Self::default();
        let nanos = |s: f64| (s * 1e9).round() as i64;
        for (periods, point) in self.0.iter().zip(self.iter(0.0)) {
            let periods = u16::from_le_bytes([periods[0], periods[1]]);
            let offset = point.y_s + f64::from(periods) * longer_s;
            out.push(periods.into(), nanos(offset), point.wait_s.map(|wait| nanos(wait - longer_s)));
        }
        out
    }

    /// The points as octets, for a database.
    #[must_use]
    pub fn as_octets(&self) -> &[u8] {
        self.0.as_flattened()
    }

    /// The points from the octets of [`Self::as_octets`]; an incomplete last point is dropped.
    #[must_use]
    pub fn from_octets(octets: &[u8]) -> Self {
        Self(octets.as_chunks().0.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_as_they_were_put_in_and_survive_a_database() {
        let mut points = Points::default();
        points.push(0, 0, None);
        points.push(3, -7_000_000, Some(-1000));
        points.push(65_535, 2_000_000_000_000, Some(8_000_000_000));
        points.push(4, 0, Some(9_000_000_000));
        points.push(65_536, 0, None);
        points.push(5, i64::MAX, None);
        let found: Vec<Point> = points.iter(25.0).collect();
        let of = |x_s, y_s, wait_s| Point { x_s, y_s, wait_s };
        assert_eq!(
            found,
            [
                of(0.0, 0.0, None),
                of(75.007, -0.007, Some(-1e-6)),
                of(65_535.0 * 25.0 - 2000.0, 2000.0, Some(8.0)),
                of(100.0, 0.0, None),
            ]
        );
        assert_eq!(Points::from_octets(points.as_octets()), points);
        assert_eq!(Points::from_octets(&[1; 10]).iter(25.0).count(), 1);
    }

    #[test]
    fn points_are_bounded_and_thinned_evenly() {
        let mut points = Points::default();
        let mut thinned = 0;
        for i in 0..MAX_POINTS as i64 + 1 {
            thinned += i32::from(points.push(i, 0, None));
        }
        assert_eq!((thinned, points.iter(1.0).count()), (1, MAX_POINTS / 2 + 1));
        assert!(points.iter(1.0).map(|p| p.x_s).eq((0..=MAX_POINTS / 2).map(|i| 2.0 * i as f64)));
    }
}
