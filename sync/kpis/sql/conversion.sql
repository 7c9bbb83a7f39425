-- Leads created in the period, and those of them that became customers: by the end of the
-- period, or within so many days of their creation where a limit is set. A lead that had won
-- before it was created was a customer already.
with cohort as (
    select
        created_day is null as undated,
        first_won < created_day as already,
        first_won is not null and ($end is null or first_won < cast($end as date))
            and (
                $within is null
                or first_won <= created_day + cast($within as integer)
            ) as converted
    from lead
    where ($start is null or created_day is null or created_day >= cast($start as date))
        and ($end is null or created_day is null or created_day < cast($end as date))
        and ($source is null or list_contains(sources, $source))
)
select
    count(*) filter (not undated and already is not true) as n,
    count(*) filter (not undated and already is not true and converted) as converted,
    count(*) filter (not undated and already) as already,
    count(*) filter (undated) as undated
from cohort
