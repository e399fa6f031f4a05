//! What SQL the server sends, read from PostgreSQL's log: so `pgbench` runs what is really sent, whatever becomes of the
//! server's code.

/// A statement as PostgreSQL got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The text, with `$1`, `$2`, … for the values.
    pub(crate) sql: String,
    /// The values; `None` is NULL.
    pub(crate) values: Vec<Option<String>>,
}

impl Statement {
    fn new(sql: &str) -> Self {
        Self { sql: sql.trim().trim_end_matches(';').to_owned(), values: Vec::new() }
    }

    /// Whether it opens a transaction.
    pub(crate) fn begins(&self) -> bool {
        self.starts_with("BEGIN")
    }

    /// Whether it reads or writes rows, and does not just begin, end or adjust a transaction.
    pub(crate) fn has_data(&self) -> bool {
        !["BEGIN", "COMMIT", "ROLLBACK", "SET ", "SELECT set_config("].iter().any(|start| self.starts_with(start))
    }

    fn starts_with(&self, start: &str) -> bool {
        self.sql.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
    }
}

/// Settings of a role under which PostgreSQL logs all that [`read`] reads.
pub(crate) const LOGGING: [(&str, &str); 3] =
    [("log_statement", "'all'"), ("log_error_verbosity", "'default'"), ("log_parameter_max_length", "-1")];

/// The statements in a piece of PostgreSQL's log.
pub(crate) fn read(log: &str) -> Vec<Statement> {
    let mut statements: Vec<Statement> = Vec::new();
    // A line that begins with a tab goes on with the one before.
    for entry in log.replace("\n\t", " ").lines() {
        if let Some((_, sql)) = entry.split_once("LOG:  statement: ") {
            // Several may come in one; no text in them holds a semicolon.
            statements.extend(sql.split(';').filter(|sql| !sql.trim().is_empty()).map(Statement::new));
        } else if let Some((_, named)) = entry.split_once("LOG:  execute ") {
            statements.extend(named.split_once(": ").map(|(_, sql)| Statement::new(sql)));
        } else if let Some((_, values)) = entry.split_once("DETAIL:  ")
            && let Some((_, values)) = values.split_once("arameters: ")
            && let Some(last) = statements.last_mut()
        {
            last.values = parse(values.trim_end());
        }
    }
    statements
}

/// `$1 = 'it''s', $2 = NULL`.
fn parse(text: &str) -> Vec<Option<String>> {
    let mut values = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(" = ") {
        let Some(mut quoted) = after.strip_prefix('\'') else {
            values.push(None);
            rest = after;
            continue;
        };
        let mut value = String::new();
        while let Some((part, after)) = quoted.split_once('\'') {
            value.push_str(part);
            match after.strip_prefix('\'') {
                Some(after) => {
                    value.push('\'');
                    quoted = after;
                }
                None => {
                    quoted = after;
                    break;
                }
            }
        }
        values.push(Some(value));
        rest = quoted;
    }
    values
}
