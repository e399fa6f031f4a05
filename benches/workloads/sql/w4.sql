-- A patient with the last task logs.
BEGIN;
SELECT set_config('app.current_hospital_id', :hospital, true);
SELECT id, first_name, last_name, mrn, room FROM patients WHERE id = :patient;
SELECT id, task_type, description, completed_at
FROM task_logs WHERE deleted_at IS NULL AND patient_id = :patient
ORDER BY completed_at DESC, id DESC LIMIT 10;
COMMIT;
