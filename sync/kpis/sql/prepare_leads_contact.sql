-- A lead is a contact. It becomes a customer on the close date of the first won deal that
-- names it or belongs to its company.
create temp table lead as
with win as (
    select unnest(contacts) as contact, close_date
    from deal
    where status = 'won' and close_date is not null
    union all
    select c.id, d.close_date
    from contacts as c
    join deal as d on d.company = c.company
    where d.status = 'won' and d.close_date is not null
),
won as (
    select contact as id, min(close_date) as first_won
    from win
    group by contact
)
select
    c.id,
    cast(timezone($time_zone, c.created_at) as date) as created_day,
    w.first_won,
    c.sources
from contacts as c
left join won as w on w.id = c.id
