-- Who asks: what every request needs to know before it runs.
BEGIN;
SELECT set_config('app.current_hospital_id', :hospital, true);
SELECT id, role, status FROM staff WHERE id = :viewer;
COMMIT;
