//! The hospital wall: what every tenant table gets.

/// The hospital of the current transaction, or NULL, which equals nothing.
///
/// `nullif` is needed because a custom setting reads `''` after the transaction that set it has ended. The sub-select is
/// evaluated once per statement. `current_setting` is STABLE; an IMMUTABLE wrapper would let a cached plan carry one
/// hospital's id into another's transaction.
pub(crate) const CURRENT_HOSPITAL: &str = "(SELECT nullif(current_setting('app.current_hospital_id', true), '')::uuid)";

/// Statements that put `table` behind the wall, with `column` naming the hospital of a row.
///
/// Permissive policies are joined by OR, so one careless addition would open the table; the wall is therefore
/// RESTRICTIVE, which no other policy can widen. It binds the owner as well, because row security is forced.
pub(crate) fn tenant_table_by(table: &str, column: &str) -> String {
    format!(
        "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
         ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
         CREATE POLICY {table}_members ON {table} TO CURRENT_USER, patient_logger_app USING (true) WITH CHECK (true);
         CREATE POLICY {table}_hospital_wall ON {table} AS RESTRICTIVE TO CURRENT_USER, patient_logger_app
             USING ({column} = {CURRENT_HOSPITAL}) WITH CHECK ({column} = {CURRENT_HOSPITAL});"
    )
}

/// [`tenant_table_by`] for a table with a `hospital_id`.
pub(crate) fn tenant_table(table: &str) -> String {
    tenant_table_by(table, "hospital_id")
}
