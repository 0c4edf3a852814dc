-- In one transaction: dropping the column alone succeeds, and then every INSERT
-- fails in the trigger, whose body still names it.
DROP TRIGGER users_email_in_step ON {{tbl}};
DROP FUNCTION public.users_email_in_step();
ALTER TABLE {{tbl}} DROP COLUMN email;
