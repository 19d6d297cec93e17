//! The rows of a report that are asked for, in the order that is asked for.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::ControlFlow;

use bellwether_report::{Query, Report, Reports, Values};
use serde_json::Value;

use crate::args::ReportArgs;
use crate::condition::{Condition, Context};
use crate::outcome::Failure;
use crate::when::moment;

/// Rows, their order and their number.
pub(crate) struct Selection {
    pub(crate) query: Query,
    pub(crate) conditions: Vec<Condition>,
    order: Order,
    limit: Option<usize>,
}

/// The order of the rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    /// The order of the report.
    Usual,
    NewestFirst,
    By {
        column: usize,
        is_falling: bool,
    },
}

impl Selection {
    /// Reads the options of a report.
    pub(crate) fn of(args: &ReportArgs, report: Report, context: &dyn Context) -> Result<Self, Failure> {
        let when =
            |text: &Option<String>| text.as_deref().map(|text| moment(text, context.now())).transpose();
        let conditions =
            args.filters.iter().map(|text| Condition::parse(text, context)).collect::<Result<_, _>>()?;
        let order = match &args.sort {
            Some(text) => by(text, report)?,
            None if args.newest_first => Order::NewestFirst,
            None => Order::Usual,
        };
        if order == Order::NewestFirst && report.moment().is_none() {
            return Err(Failure::Usage("the rows of this report have no time".to_owned()));
        }
        let limit = args.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(Self {
            query: Query { report, since: when(&args.since)?, until: when(&args.until)? },
            conditions,
            order,
            limit,
        })
    }

    /// True if not all rows are asked for, whatever their number.
    pub(crate) fn is_narrow(&self) -> bool {
        !self.conditions.is_empty() || self.query.since.is_some() || self.query.until.is_some()
    }

    /// True if a row meets all conditions.
    pub(crate) fn takes(&self, values: &Values) -> bool {
        self.conditions.iter().all(|condition| condition.holds(values))
    }

    /// Calls `visit` for each row, until `visit` fails.
    pub(crate) fn visit(
        &self,
        reports: Reports<'_>,
        visit: &mut dyn FnMut(Values) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.limit == Some(0) {
            return Ok(());
        }
        match (self.order, self.limit) {
            (Order::Usual, Some(limit)) if self.query.report.is_in_order_of_time() => {
                // The last rows of the report, found from its end.
                let mut newest = VecDeque::new();
                self.until_full(reports, true, limit, &mut |values| {
                    newest.push_front(values);
                    Ok(())
                })?;
                newest.into_iter().try_for_each(visit)
            }
            (Order::Usual, limit) => self.until_full(reports, false, limit.unwrap_or(usize::MAX), visit),
            (Order::NewestFirst, limit) => self.until_full(reports, true, limit.unwrap_or(usize::MAX), visit),
            (Order::By { column, is_falling }, limit) => {
                let mut rows: Vec<Values> = Vec::new();
                let limit = limit.unwrap_or(usize::MAX);
                let sort = |rows: &mut Vec<Values>| {
                    rows.sort_by(|a, b| compared(a.get(column), b.get(column), is_falling));
                    rows.truncate(limit);
                };
                self.until_full(reports, false, usize::MAX, &mut |values| {
                    rows.push(values);
                    // A limit bounds the memory too.
                    if rows.len() >= limit.saturating_mul(2).max(1024) {
                        sort(&mut rows);
                    }
                    Ok(())
                })?;
                sort(&mut rows);
                rows.into_iter().try_for_each(visit)
            }
        }
    }

    /// Visits the rows that are taken, at most `limit`.
    fn until_full(
        &self,
        reports: Reports<'_>,
        is_newest_first: bool,
        limit: usize,
        visit: &mut dyn FnMut(Values) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (mut taken, mut failure) = (0, None);
        let mut each = |values: Values| {
            if !self.takes(&values) {
                return ControlFlow::Continue(());
            }
            taken += 1;
            match visit(values) {
                Ok(()) if taken < limit => ControlFlow::Continue(()),
                Ok(()) => ControlFlow::Break(()),
                Err(e) => {
                    failure = Some(e);
                    ControlFlow::Break(())
                }
            }
        };
        if is_newest_first {
            reports.rows_newest_first(&self.query, &mut each)?;
        } else {
            reports.rows(&self.query, &mut each)?;
        }
        failure.map_or(Ok(()), Err)
    }
}

/// The order of a `--sort`.
fn by(text: &str, report: Report) -> Result<Order, Failure> {
    let (name, is_falling) = match text.rsplit_once(':') {
        None => (text, false),
        Some((name, "asc")) => (name, false),
        Some((name, "desc")) => (name, true),
        Some((_, other)) => {
            return Err(Failure::Usage(format!(
                "--sort {text}: give COLUMN:asc or COLUMN:desc, not {other}"
            )));
        }
    };
    Ok(Order::By { column: place_of(name, report)?, is_falling })
}

/// The places of the columns of a `--columns`.
pub(crate) fn places_of(names: &[String], report: Report) -> Result<Vec<usize>, Failure> {
    names.iter().map(|name| place_of(name.trim(), report)).collect()
}

pub(crate) fn place_of(name: &str, report: Report) -> Result<usize, Failure> {
    report.place(name).ok_or_else(|| {
        let known: Vec<&str> = report.columns().iter().map(|column| column.name).collect();
        Failure::Usage(format!("there is no column {name}; there is {}", known.join(", ")))
    })
}

/// The order of two values of a column. A missing value comes last in both directions.
fn compared(a: Option<&Value>, b: Option<&Value>, is_falling: bool) -> Ordering {
    let [a, b] = [a, b].map(|value| value.filter(|value| !value.is_null()));
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => {
            let order = match (a, b) {
                (Value::Number(a), Value::Number(b)) => {
                    a.as_f64().unwrap_or(0.0).total_cmp(&b.as_f64().unwrap_or(0.0))
                }
                (Value::String(a), Value::String(b)) => a.cmp(b),
                (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
                (Value::Array(a), Value::Array(b)) => a.len().cmp(&b.len()),
                _ => a.to_string().cmp(&b.to_string()),
            };
            if is_falling { order.reverse() } else { order }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_missing_value_comes_last_in_both_directions() {
        let sorted = |is_falling| {
            let mut values = vec![json!(9), Value::Null, json!(10), json!(2.5)];
            values.sort_by(|a, b| compared(Some(a), Some(b), is_falling));
            values
        };
        assert_eq!(sorted(false), [json!(2.5), json!(9), json!(10), Value::Null]);
        assert_eq!(sorted(true), [json!(10), json!(9), json!(2.5), Value::Null]);
    }

    #[test]
    fn an_order_names_a_column_and_a_direction() {
        let order = |text| by(text, Report::Losses).map_err(|e| e.to_string());
        let column = Report::Losses.place("count").unwrap();
        assert_eq!(order("count:desc"), Ok(Order::By { column, is_falling: true }));
        assert_eq!(order("count"), Ok(Order::By { column, is_falling: false }));
        assert!(order("count:down").unwrap_err().contains("COLUMN:desc"));
        assert!(order("size").unwrap_err().contains("no column size"));
    }
}
