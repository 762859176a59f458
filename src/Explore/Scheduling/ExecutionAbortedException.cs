namespace PageTableEmu.Explore.Scheduling;

/// <summary>Unwinds the stack of an actor whose execution is over before it has finished.</summary>
internal sealed class ExecutionAbortedException() : Exception("The execution is over.");
