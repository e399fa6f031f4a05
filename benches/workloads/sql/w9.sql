-- How many of each type there were in 30 days.
BEGIN;
SELECT set_config('app.current_hospital_id', :hospital, true);
SELECT task_type, count(*)
FROM task_logs WHERE deleted_at IS NULL AND completed_at >= :from AND completed_at < :to
GROUP BY task_type ORDER BY count(*) DESC, task_type;
COMMIT;
