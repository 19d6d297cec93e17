//! Pages of the web console as HTML over the reports.
