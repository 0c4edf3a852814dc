-- In one transaction: dropping the columns alone succeeds, and then every write
-- fails in the triggers, whose bodies still name them.
DROP TRIGGER addresses_to_customers ON {{addresses}};
DROP TRIGGER customers_to_addresses ON {{tbl}};
DROP FUNCTION public.addresses_to_customers();
DROP FUNCTION public.customers_to_addresses();
ALTER TABLE {{tbl}} DROP COLUMN street, DROP COLUMN city;
