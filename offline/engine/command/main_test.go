package main

import (
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/blang/semver"
	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/integration"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

const urn = resource.URN("urn:pulumi:test::test::command:local:Command::probe")

func serve(t *testing.T) integration.Server {
	t.Helper()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // else every line that a command prints is logged here
	plugin, err := provider()
	if err != nil {
		t.Fatal(err)
	}
	server, err := integration.NewServer(
		t.Context(), "command", semver.MustParse(version), integration.WithProvider(plugin))
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func inputs(pairs ...string) property.Map {
	values := map[string]property.Value{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = property.New(pairs[i+1])
	}
	return property.NewMap(values)
}

func create(t *testing.T, server integration.Server, in property.Map) p.CreateResponse {
	t.Helper()
	made, err := server.Create(p.CreateRequest{Urn: urn, Properties: in})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func text(t *testing.T, properties property.Map, name, expected string) {
	t.Helper()
	if got := properties.Get(name); !got.IsString() || got.AsString() != expected {
		t.Errorf("%s is %v, expected %q", name, got, expected)
	}
}

func TestOutputLosesItsLastNewlineOnly(t *testing.T) {
	made := create(t, serve(t), inputs("create", `printf 'one\ntwo\n\n'; printf 'three' >&2`))
	text(t, made.Properties, "stdout", "one\ntwo\n")
	text(t, made.Properties, "stderr", "three")
	if !strings.HasPrefix(made.ID, "probe") || len(made.ID) != len("probe")+8 {
		t.Errorf("id is %q, expected the resource's name and eight characters", made.ID)
	}
}

func TestStdinIsPassed(t *testing.T) {
	made := create(t, serve(t), inputs("create", "cat", "stdin", "hello"))
	text(t, made.Properties, "stdout", "hello")
}

func TestALineOfAnyLengthIsKept(t *testing.T) {
	made := create(t, serve(t), inputs("create", "head -c 200000 /dev/zero | tr '\\0' x"))
	if length := len(made.Properties.Get("stdout").AsString()); length != 200000 {
		t.Errorf("%d characters of 200000", length)
	}
}

func TestFailureTellsExitStatusCommandAndAllOutput(t *testing.T) {
	_, err := serve(t).Create(p.CreateRequest{Urn: urn, Properties: inputs("create", "echo out; echo err >&2; exit 3")})
	if err == nil {
		t.Fatal("a failing command passed")
	}
	for _, part := range []string{"exit status 3", `running "echo out; echo err >&2; exit 3"`, "out\n", "err\n"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
}

func TestUpdateRunsCreateWithThePreviousOutput(t *testing.T) {
	server := serve(t)
	made := create(t, server, inputs("create", "echo first; echo warned >&2"))
	updated, err := server.Update(p.UpdateRequest{
		ID: made.ID, Urn: urn, State: made.Properties,
		Inputs: inputs("create", `echo "$PULUMI_COMMAND_STDOUT, $PULUMI_COMMAND_STDERR, second"`),
	})
	if err != nil {
		t.Fatal(err)
	}
	text(t, updated.Properties, "stdout", "first, warned, second")
	text(t, updated.Properties, "stderr", "")
}

func TestDiffNamesWhatChanged(t *testing.T) {
	triggers := func(value string) property.Map {
		return inputs("create", "true").Set("triggers", property.New([]property.Value{property.New(value)}))
	}
	server := serve(t)
	made := create(t, server, triggers("a"))
	for name, test := range map[string]struct {
		news     property.Map
		expected map[string]p.DiffKind
	}{
		"nothing": {triggers("a"), map[string]p.DiffKind{}},
		"create":  {triggers("a").Set("create", property.New("date")), map[string]p.DiffKind{"create": p.Update}},
		"stdin":   {triggers("a").Set("stdin", property.New("x")), map[string]p.DiffKind{"stdin": p.Add}},
		// For an element of a list the library says update; the Python package asks the engine to replace.
		"trigger": {triggers("b"), map[string]p.DiffKind{"triggers[0]": p.Update}},
		"none":    {inputs("create", "true"), map[string]p.DiffKind{"triggers": p.DeleteReplace}},
	} {
		diff, err := server.Diff(p.DiffRequest{ID: made.ID, Urn: urn, State: made.Properties, Inputs: test.news})
		if err != nil {
			t.Fatal(err)
		}
		if diff.HasChanges != (len(test.expected) > 0) || len(diff.DetailedDiff) != len(test.expected) {
			t.Errorf("%s: %+v", name, diff)
		}
		for property, kind := range test.expected {
			if diff.DetailedDiff[property].Kind != kind {
				t.Errorf("%s: %+v, expected %s of %s", name, diff.DetailedDiff, kind, property)
			}
		}
	}
}

func TestPreviewRunsNothingAndKnowsNoOutput(t *testing.T) {
	marker := t.TempDir() + "/ran"
	server := serve(t)
	in := inputs("create", "touch "+marker+" && echo done")
	planned, err := server.Create(p.CreateRequest{Urn: urn, Properties: in, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	made := create(t, server, inputs("create", "echo first"))
	replanned, err := server.Update(p.UpdateRequest{
		ID: made.ID, Urn: urn, State: made.Properties, Inputs: in, DryRun: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, properties := range []property.Map{planned.Properties, replanned.Properties} {
		if !properties.Get("stdout").IsComputed() || !properties.Get("stderr").IsComputed() {
			t.Errorf("a preview made up an output: %v", properties)
		}
	}
	if _, err := os.Stat(marker); !os.IsNotExist(err) {
		t.Error("a preview ran the command")
	}
}

func TestASecretInputStaysSecretAndOutputsAreSecretOnlyOnRequest(t *testing.T) {
	in := inputs("create", "cat").Set("stdin", property.New("hush").WithSecret(true))
	made := create(t, serve(t), in)
	for name, secret := range map[string]bool{"stdin": true, "create": false, "stdout": false, "stderr": false} {
		if made.Properties.Get(name).Secret() != secret {
			t.Errorf("%s: secret is %t, expected %t", name, !secret, secret)
		}
	}
}

func TestUnknownInputsAreRefusedInOneSentence(t *testing.T) {
	checked, err := serve(t).Check(p.CheckRequest{Urn: urn, Inputs: inputs("create", "true", "update", "x", "dir", "/")})
	if err != nil {
		t.Fatal(err)
	}
	if len(checked.Failures) != 1 || !strings.Contains(checked.Failures[0].Reason, "not dir, update:") {
		t.Errorf("failures: %+v", checked.Failures)
	}
}

func TestKnownInputsPassAsTheyAre(t *testing.T) {
	in := inputs("create", "true", "stdin", "x").Set("triggers", property.New([]property.Value{property.New(1.0)}))
	checked, err := serve(t).Check(p.CheckRequest{Urn: urn, Inputs: in})
	if err != nil || len(checked.Failures) > 0 {
		t.Fatal(err, checked.Failures)
	}
	if !property.New(checked.Inputs).Equals(property.New(in)) {
		t.Errorf("inputs became %v", checked.Inputs)
	}
}

func TestCancellationEndsTheShellsChildrenToo(t *testing.T) {
	server := serve(t)
	ended := make(chan error)
	go func() {
		_, err := server.Create(p.CreateRequest{Urn: urn, Properties: inputs("create", "sleep 30 & sleep 30")})
		ended <- err
	}()
	time.Sleep(500 * time.Millisecond)
	if err := server.Cancel(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a cancelled command passed")
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the command outlived its cancellation")
	}
}
