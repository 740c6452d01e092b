-- The values of 100 MB. They are stored, so a statement does not build them again.
INSERT INTO hostile.built (name, t) VALUES ('x', repeat('x', 100000000)), ('[', repeat('[', 100000000)), ('é', repeat('é', 50000000)),
    ('document', concat('{"Records": [{"eventID": "', repeat('x', 100000000), '"}]}'));
INSERT INTO hostile.built (name, j) VALUES ('id', jsonb_build_object('eventID', repeat('x', 100000000))),
    ('arn', jsonb_build_object('userIdentity', jsonb_build_object('arn', repeat('x', 100000000)))),
    ('string', to_jsonb(repeat('x', 100000000)));
INSERT INTO hostile.built (name, a) VALUES ('many', array_fill('x'::text, '{10000000}')), ('long', ARRAY[repeat('x', 100000000)]);
