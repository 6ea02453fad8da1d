#!/usr/bin/python3
"""Checks the files of deploy/: their shape, and the executor's arguments by kiln's own parser.

  deploy.py DEPLOY KANIKO_LINE FOLDER

FOLDER stands for every workspace: it has a Dockerfile. Prints a line for each thing that is wrong
and exits with 1 then; else a line for each command line that was read.
"""
import json
import os
import re
import shlex
import subprocess
import sys

import jsonschema
import yaml

TEXT = {'type': 'string', 'minLength': 1}
NAME = {'type': 'string', 'pattern': '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'}


def shape(required, more=None, closed=False):
    """An object with these members, each with its own schema, and maybe others."""
    properties = {**required, **(more or {})}
    return {'type': 'object', 'required': list(required), 'properties': properties,
            'additionalProperties': not closed}


def many(items):
    return {'type': 'array', 'minItems': 1, 'items': items}


MOUNT = shape({'name': NAME, 'mountPath': {'type': 'string', 'pattern': '^/'}},
              {'readOnly': {'type': 'boolean'}}, closed=True)
VARIABLE = shape({'name': {'type': 'string', 'pattern': '^[A-Z0-9_]+$'}},
                 {'value': TEXT, 'valueFrom': {'type': 'object'}}, closed=True)
CONTEXT = shape({}, {
    'privileged': {'const': False}, 'allowPrivilegeEscalation': {'type': 'boolean'},
    'runAsUser': {'type': 'integer'}, 'procMount': {'enum': ['Default', 'Unmasked']},
    'seccompProfile': shape({'type': {'enum': ['RuntimeDefault', 'Localhost']}}),
    'capabilities': shape({}, {'drop': many(TEXT)}, closed=True)}, closed=True)
CONTAINER = shape({'name': NAME, 'image': TEXT}, {
    'args': many(TEXT), 'command': many(TEXT), 'env': many(VARIABLE), 'volumeMounts': many(MOUNT),
    'securityContext': CONTEXT, 'resources': {'type': 'object'}, 'workingDir': TEXT}, closed=True)
POD_SPEC = shape({'containers': many(CONTAINER)}, {
    'restartPolicy': {'enum': ['Never', 'OnFailure', 'Always']}, 'hostUsers': {'type': 'boolean'},
    'initContainers': many(CONTAINER), 'automountServiceAccountToken': {'type': 'boolean'},
    'terminationGracePeriodSeconds': {'type': 'integer'}, 'securityContext': {'type': 'object'},
    'volumes': many(shape({'name': NAME}))}, closed=True)
POD = shape({'apiVersion': {'const': 'v1'}, 'kind': {'const': 'Pod'}, 'spec': POD_SPEC},
            {'metadata': shape({'name': NAME})}, closed=True)
JOB = shape({'apiVersion': {'const': 'batch/v1'}, 'kind': {'const': 'Job'},
             'metadata': shape({'name': NAME}),
             'spec': shape({'template': shape({'spec': POD_SPEC})},
                           {'backoffLimit': {'type': 'integer'},
                            'ttlSecondsAfterFinished': {'type': 'integer'}}, closed=True)}, closed=True)
TASK = shape({'apiVersion': {'const': 'tekton.dev/v1'}, 'kind': {'const': 'Task'},
              'metadata': shape({'name': NAME}),
              'spec': shape({'steps': many(shape({'name': NAME, 'image': TEXT})),
                             'params': many(shape({'name': TEXT, 'type': {'enum': ['string', 'array']}})),
                             'results': many(shape({'name': TEXT})),
                             'workspaces': many(shape({'name': NAME}))},
                            {'description': TEXT}, closed=True)}, closed=True)
GITLAB = shape({'stages': many(TEXT), 'build': shape(
    {'stage': TEXT, 'script': many(TEXT), 'image': shape({'name': TEXT, 'entrypoint': {'const': ['']}})},
    {'variables': {'type': 'object'}, 'artifacts': shape({'paths': many(TEXT)}),
     'rules': many({'type': 'object'})}, closed=True)}, closed=True)
ACTIONS = shape({'name': TEXT, 'jobs': shape({'build': shape(
    {'runs-on': TEXT, 'steps': many(shape({'run': TEXT, 'name': TEXT})),
     'container': shape({'image': TEXT})})}, closed=True)})
WOODPECKER = shape({'steps': many(shape({'name': NAME, 'image': TEXT, 'commands': many(TEXT)},
                                        {'environment': {'type': 'object'}}, closed=True)),
                    'when': many({'type': 'object'})}, closed=True)


def pods(document):
    spec = document['spec'] if document['kind'] == 'Pod' else document['spec']['template']['spec']
    return [container['args'] for container in spec['containers'] if 'args' in container]


def task(document):
    return [step['args'] for step in document['spec']['steps'] if 'args' in step]


def shell(text):
    """The executor's words in a script."""
    text = text.replace('\\\n', ' ')
    found = []
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0] == '/kaniko/executor':
            found.append(words[1:])
    return found


def gitlab(document):
    return [words for line in document['build']['script'] for words in shell(line)]


def actions(document):
    return [words for step in document['jobs']['build']['steps'] for words in shell(step['run'])]


def woodpecker(document):
    return [words for step in document['steps'] for line in step['commands'] for words in shell(line)]


FILES = {
    'kubernetes/job.yaml': (JOB, pods),
    'kubernetes/pod-userns.yaml': (POD, pods),
    'kubernetes/pod-restricted.yaml': (POD, pods),
    'tekton/task.yaml': (TASK, task),
    'gitlab/.gitlab-ci.yml': (GITLAB, gitlab),
    'github/workflow.yml': (ACTIONS, actions),
    'gitea/workflow.yml': (ACTIONS, actions),
    'woodpecker/.woodpecker.yml': (WOODPECKER, woodpecker),
}

# What the systems would put in; everything else becomes 'value'.
VALUES = [
    (r'\$\(params\.EXTRA_ARGS\[\*\]\)', '--cache=false'),
    (r'\$\(params\.IMAGE\)', 'registry.example/team/app:1'),
    (r'\$\(params\.DOCKERFILE\)', './Dockerfile'),
    (r'\$\(params\.CONTEXT\)', './'),
    (r'\$\(workspaces\.source\.path\)|\$\{?CI_PROJECT_DIR\}?|\$\{?WORKSPACE\}?|/workspace', 'FOLDER'),
    (r'\$\(results\.IMAGE_DIGEST\.path\)', 'FOLDER/digest'),
    (r'\$\{?CI_REGISTRY_IMAGE\}?', 'registry.example/team/app'),
    (r'\$\{\{ *(github|gitea)\.repository *\}\}', 'team/app'),
    (r'\$\{\{ *(github|gitea)\.ref *\}\}', 'refs/heads/main'),
    (r'\$\{\{ *(github|gitea)\.sha *\}\}', '0123456789012345678901234567890123456789'),
    (r'\$\{\{[^}]*\}\}|\$\([^)]*\)|\$\{?[A-Za-z_]+\}?', 'value'),
]


def fill(word, folder):
    for pattern, value in VALUES:
        word = re.sub(pattern, value.replace('FOLDER', folder), word)
    return word.replace('/kaniko/ssl/certs/ca-certificates.crt', folder + '/Dockerfile')


def is_restricted(document):
    """The restricted Pod Security Standard, as far as a builder's pod touches it."""
    wrong = []
    spec = document['spec']
    for container in spec['containers']:
        own = {**spec.get('securityContext', {}), **container.get('securityContext', {})}
        if own.get('runAsNonRoot') is not True or own.get('runAsUser', 0) == 0:
            wrong.append('may be root')
        if own.get('allowPrivilegeEscalation') is not False:
            wrong.append('may escalate')
        if own.get('capabilities') != {'drop': ['ALL']}:
            wrong.append('keeps capabilities')
        if own.get('seccompProfile') != {'type': 'RuntimeDefault'} or 'procMount' in own:
            wrong.append('has no default profile')
    for volume in spec.get('volumes', []):
        if not {'emptyDir', 'secret', 'configMap'} & set(volume):
            wrong.append(f"has volume '{volume['name']}'")
    return wrong


def check(name, document, schema, lines, line_reader, folder):
    wrong = [f'{name}: {"/".join(map(str, error.path))}: {error.message}'
             for error in jsonschema.Draft7Validator(schema).iter_errors(document)]
    if wrong:
        return wrong
    if name.endswith('restricted.yaml'):
        wrong += [f'{name}: {why}' for why in is_restricted(document)]
    found = lines(document)
    if not found:
        wrong.append(f'{name}: no command line of the executor')
    for words in found:
        words = [fill(word, folder) for word in words]
        done = subprocess.run([line_reader, *words], cwd=folder, capture_output=True, text=True,
                              check=False, env={'PATH': os.environ['PATH'], 'HOME': folder})
        if done.returncode:
            wrong.append(f'{name}: {shlex.join(words)}: {done.stderr.strip()}')
        else:
            print(f'{name}: {shlex.join(words)}')
    return wrong


def jenkins(text):
    """The pod in the Jenkinsfile, and the command lines of its steps."""
    pod = yaml.safe_load(re.search(r"'''(.*?)'''", text, re.S).group(1))
    return pod, [words for line in re.findall(r"\bsh '([^']*)'", text) for words in shell(line)]


def main(deploy, line_reader, folder):
    wrong = []
    seen = {os.path.relpath(os.path.join(top, name), deploy)
            for top, _, names in os.walk(deploy) for name in names}
    for name in sorted(seen - set(FILES) - {'README.md', 'jenkins/Jenkinsfile'}):
        wrong.append(f'{name}: nobody checks it')
    for name, (schema, lines) in FILES.items():
        with open(os.path.join(deploy, name), encoding='utf-8') as file:
            document = json.loads(json.dumps(yaml.safe_load(file)).replace('"true": ', '"on": '))
        wrong += check(name, document, schema, lines, line_reader, folder)
    with open(os.path.join(deploy, 'jenkins/Jenkinsfile'), encoding='utf-8') as file:
        pod, found = jenkins(file.read())
    wrong += check('jenkins/Jenkinsfile', pod, POD, lambda _: found, line_reader, folder)
    print('\n'.join(wrong), file=sys.stderr)
    return 1 if wrong else 0


sys.exit(main(*sys.argv[1:]))
