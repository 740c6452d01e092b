{{ config(
    materialized='incremental',
    unique_key='leg_id',
    on_schema_change='append_new_columns',
    pre_hook=['{{ impossible_travel.note_since() }}', '{{ impossible_travel.delete_since() }}'],
    indexes=[{'columns': ['leg_id'], 'unique': true}, {'columns': ['to_time']}]
) }}
select *
from travel.detect(
    '{{ var("impossible_travel_events") }}',
    entity => '{{ var("impossible_travel_entity") }}',
    since => {{ impossible_travel.since() }}
)
