"""Report language: rules and sentence banks as data (`tables/`); no torch.

The modules, by what they are for:

Reading text: lexicon, tokens, sections and sentences are the ground that all the others stand on.
    language: which pack a report should be read with.
    lexicon: packs of phrases, cues and modifiers as one trie.
    tokens: tokens of a sentence, and the phrases found in them.
    sections: where the headings are.
    sentences: where sentences begin and end.

Facts: from a sentence to what it states; `parse` is the entrance.
    parse: a report as facts, with the characters and rules behind each.
    mentions: findings and devices that a sentence names.
    assertion: present, absent or uncertain, and by which words.
    attributes: all that is said of a mention besides its state.
    modifiers: which mention each side, zone, grade, size and change belongs to.
    sharing: what is said once for several mentions, or of one in several places.
    sites: a side and a place as the vocabulary's name, and back.
    findings: facts as core Findings.

Labels.
    labels: facts as the label sets of public data sets.
    codes: result codes to reports, one bit for each label.

Graph (RadGraph); `graph` is the entrance.
    graph: a parsed report as entities and relations.
    graph_schema: the data types and names of the schema.
    graph_entities: words that are nodes, by the table.
    graph_phrases: nodes that stand together, and their relations inside.
    graph_relations: relations between phrases.
    graph_labels: present, absent or uncertain, for each node.
    radgraph: RadGraph's files.

Scene (Chest ImaGenome); `scene` is the entrance.
    scene: attributes at sites, and what changed.
    scene_table: sites, attributes, places and cues.
    imagenome: Chest ImaGenome's files.

Structure and time (Lunguage); `structure` and `timeline` are the entrances.
    structure: one report as rows.
    spots: what rows need and the lexicon does not name.
    places: each zone of a fact with its own side.
    families: which rows of two reports may be one entity.
    timeline: a patient's reports as entities and episodes.
    lunguage: Lunguage's CSV.

Writing; `phrase` composes, `statements` restates a report.
    phrase: findings to a short report (`phrase.compose`).
    bank: the sentence bank.
    grammar: sentences written with their exact graphs, to train and test taggers on.
    nouns: a finding as a noun phrase.
    loop: what was composed against what is read back.
    statements: the three kinds of short statements in one place.
    minimal: 'There is a finding of a location', one fact each.
    single_findings: a report cut into one finding each, in its own words.
"""
