-- A page of patients, and the last task logs of each.
BEGIN;
SELECT set_config('app.current_hospital_id', :hospital, true);
SELECT id, first_name, last_name
FROM patients WHERE archived_at IS NULL AND (created_at, id) < (:at, :id)
ORDER BY created_at DESC, id DESC LIMIT 20;
SELECT log.id, log.task_type, log.completed_at, log.patient_id
FROM unnest(:patients::uuid[]) AS patient (id)
CROSS JOIN LATERAL (
    SELECT id, task_type, completed_at, patient_id
    FROM task_logs WHERE deleted_at IS NULL AND patient_id = patient.id
    ORDER BY completed_at DESC, id DESC LIMIT 3
) AS log;
COMMIT;
