-- A lead is a company. It becomes a customer on the close date of its first won deal.
create temp table lead as
with won as (
    select company as id, min(close_date) as first_won
    from deal
    where status = 'won' and company is not null and close_date is not null
    group by company
)
select
    c.id,
    cast(timezone($time_zone, c.created_at) as date) as created_day,
    w.first_won,
    c.sources
from companies as c
left join won as w on w.id = c.id
