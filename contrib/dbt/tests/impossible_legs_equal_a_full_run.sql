-- The legs that incremental runs collected are those that travel.detect finds in all events now. If an event arrived later
-- than impossible_travel_lookback, this test fails: run dbt with --full-refresh. On large tables, disable it.
with everything as (
    select leg_id
    from travel.detect(
        '{{ var("impossible_travel_events") }}',
        entity => '{{ var("impossible_travel_entity") }}'
    )
)

select coalesce(e.leg_id, l.leg_id) as leg_id, case when l.leg_id is null then 'missing' else 'too many' end as problem
from everything as e
full join {{ ref('impossible_legs') }} as l on l.leg_id = e.leg_id
where e.leg_id is null or l.leg_id is null
