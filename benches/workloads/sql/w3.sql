-- A page far down the list, by its key.
BEGIN;
SELECT set_config('app.current_hospital_id', :hospital, true);
SELECT id, task_type, description, completed_at, patient_id, clinician_id
FROM task_logs
WHERE deleted_at IS NULL AND (completed_at, id) < (:at, :id)
ORDER BY completed_at DESC, id DESC LIMIT 50;
SELECT id, first_name, last_name, mrn FROM patients WHERE id = ANY (:patients::uuid[]);
SELECT id, name FROM staff WHERE id = ANY (:staff::uuid[]);
COMMIT;
