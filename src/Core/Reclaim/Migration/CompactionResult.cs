namespace PageTableEmu.Reclaim.Migration;

/// <summary>What a compaction did.</summary>
/// <param name="BlocksMade">Blocks that are free now and were not before; less than 0 if others took more meanwhile.</param>
/// <param name="FreeBlocks">Blocks that are free now.</param>
/// <param name="PagesMoved">Pages that were moved.</param>
/// <param name="PagesFailed">Pages that should have moved and could not.</param>
/// <seealso cref="Compactor{TArch, TModel}"/>
public readonly record struct CompactionResult(int BlocksMade, uint FreeBlocks, uint PagesMoved, uint PagesFailed);
