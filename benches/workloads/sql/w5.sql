-- A task log, the key that makes a retry safe, and the event of the audit trail. :number is another one each time.
BEGIN;
SELECT set_config('app.current_hospital_id', :hospital, true);
INSERT INTO idempotency_keys (hospital_id, staff_id, key, mutation, input_hash, created_id, created_at)
VALUES (:hospital::uuid, :viewer, :run || to_hex(:number::bigint), 'createTaskLog', :hash,
    (:ids || lpad(to_hex(:number::bigint), 12, '0'))::uuid, now())
ON CONFLICT DO NOTHING;
SELECT archived_at IS NOT NULL FROM patients WHERE id = :patient FOR SHARE;
INSERT INTO task_logs (hospital_id, id, patient_id, clinician_id, task_type, description, completed_at, recorded_at,
    updated_at, version, changed_by_id)
VALUES (:hospital::uuid, (:ids || lpad(to_hex(:number::bigint), 12, '0'))::uuid, :patient, :viewer, 'OBSERVATION',
    :description, now(), now(), now(), 1, :viewer)
RETURNING id;
SELECT audit_append(ARRAY[:hospital::uuid], ARRAY[now()], ARRAY[(:ids || lpad(to_hex(:number::bigint), 12, '0'))::uuid],
    ARRAY[gen_random_uuid()], ARRAY['STAFF'], ARRAY[:viewer::uuid], ARRAY[:session::uuid], ARRAY['CLINICIAN'],
    ARRAY[:address], ARRAY['CHANGE'], ARRAY['OK'], ARRAY[NULL], ARRAY[:shape::uuid],
    ARRAY[(:ids || lpad(to_hex(:number::bigint), 12, '0'))::uuid], ARRAY[1], ARRAY[1], ARRAY[1], ARRAY[:patient::uuid],
    ARRAY[NULL]);
COMMIT;
