-- One row a ticket: its days in the reporting time zone and the microseconds from creation
-- to close.
create temp table ticket as
select
    id,
    status,
    rating,
    cast(timezone($time_zone, created_at) as date) as created_day,
    cast(timezone($time_zone, closed_at) as date) as closed_day,
    created_at is not null as created,
    epoch_us(closed_at) - epoch_us(created_at) as elapsed,
    sources
from tickets
