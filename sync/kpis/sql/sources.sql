-- Every connection that holds a row of any table.
with held as (
    select sources from deals
    union all
    select sources from tickets
    union all
    select sources from companies
    union all
    select sources from contacts
),
named as (
    select unnest(sources) as source
    from held
)
select distinct source
from named
where source <> ''
order by source
