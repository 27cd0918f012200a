"Images of a set: found once, checked, decoded, split; the test split sealed."
